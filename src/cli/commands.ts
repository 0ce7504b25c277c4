import type { Command } from "commander";
import type { Cli } from "./context.ts";

interface Module {
  readonly names: readonly string[];
  readonly load: () => Promise<(program: Command, cli: Cli) => void>;
}

/** Every command, in the order of the help, with the module that brings it. */
const MODULES: readonly Module[] = [
  { names: ["init"], load: async () => (await import("./init.ts")).initCommand },
  { names: ["up"], load: async () => (await import("./up.ts")).upCommand },
  { names: ["down"], load: async () => (await import("./down.ts")).downCommand },
  { names: ["status"], load: async () => (await import("./status.ts")).statusCommand },
  { names: ["plan"], load: async () => (await import("./plan.ts")).planCommand },
  {
    names: ["scale", "deploy", "climb", "descend", "finish", "apply", "topologies", "undo"],
    load: async () => (await import("./changes.ts")).changeCommands,
  },
  { names: ["switchover"], load: async () => (await import("./switchover.ts")).switchoverCommand },
  { names: ["backup"], load: async () => (await import("./backup.ts")).backupCommand },
  { names: ["restore"], load: async () => (await import("./restore.ts")).restoreCommand },
  { names: ["logs"], load: async () => (await import("./logs.ts")).logsCommand },
  { names: ["check"], load: async () => (await import("./check.ts")).checkCommand },
  { names: ["bench"], load: async () => (await import("./bench.ts")).benchCommand },
  { names: ["jobs"], load: async () => (await import("./jobs.ts")).jobsCommand },
  { names: ["seed"], load: async () => (await import("./seed.ts")).seedCommand },
  { names: ["test"], load: async () => (await import("./test-command.ts")).testCommand },
  { names: ["install"], load: async () => (await import("./install.ts")).installCommand },
  { names: ["doctor"], load: async () => (await import("./doctor.ts")).doctorCommand },
];

/** Adds the command that the words ask for; all of them where they ask for none, such as for help or with a slip of the pen. */
export async function addCommands(program: Command, cli: Cli, words: readonly string[]): Promise<void> {
  const wanted = MODULES.filter(({ names }) => names.includes(commandIn(words) ?? ""));
  for (const { load } of wanted.length > 0 ? wanted : MODULES) (await load())(program, cli);
}

/** The first word that is neither an option of the program nor its value. */
function commandIn(words: readonly string[]): string | undefined {
  return words.find((word, n) => !word.startsWith("-") && !["-C", "--folder"].includes(words[n - 1] ?? ""));
}
