/**
 * Exit codes of every command, documented in docs/operating.md.
 * 130 is what a shell gives a command that Ctrl-C ended.
 */
export const exit = {
  done: 0,
  /** The command was understood, and what it asked for failed; the message says what was found. */
  failed: 1,
  /** The command line, a file or the folder is wrong; nothing was changed. */
  badInput: 2,
  /** The service is not running here. */
  notRunning: 3,
  /** `check` found a broken promise. */
  promiseBroken: 4,
  interrupted: 130,
} as const;
