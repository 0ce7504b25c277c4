import type { ControlClient } from "../control/client.ts";
import { connect } from "../control/start.ts";
import { serviceFolder } from "./folder.ts";
import { notRunning } from "./problem.ts";
import type { Terminal } from "./terminal.ts";

/** What every command is given. */
export interface Cli {
  readonly terminal: Terminal;
  /** The service's folder, from `--folder` or the current folder. */
  folder(): string;
  /** Sets the exit code of the command; the process ends by itself. */
  exit(code: number): void;
}

export function createCli(terminal: Terminal, folderOption: () => string | undefined): Cli {
  return {
    terminal,
    folder: () => serviceFolder(folderOption()),
    exit: (code) => {
      process.exitCode = code;
    },
  };
}

/** The control plane of the folder; throws with exit code 3 when the service does not run. */
export async function runningControl(cli: Cli): Promise<ControlClient> {
  const folder = cli.folder();
  const control = await connect(folder);
  if (control === undefined) throw notRunning(folder);
  return control;
}
