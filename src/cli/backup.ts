import { type Command, Option } from "commander";
import type { BackupsView, BackupType, WorkResult, WorkView } from "../control/backups/views.ts";
import { type Cli, runningControl } from "./context.ts";
import { CommandFailed } from "./problem.ts";
import { bytes, duration, type Terminal, table } from "./terminal.ts";

export function backupCommand(program: Command, cli: Cli): void {
  const backup = program
    .command("backup")
    .description(
      "back the database up while it serves; the first time also begins to keep its log, so that any time can be restored",
    )
    .addOption(
      new Option("--type <type>", "all of it, what changed since the last full one, or since the last one of any kind")
        .choices(["full", "diff", "incr"])
        .default("incr"),
    )
    .option("--json", "print the backup as JSON")
    .action(async (options: { type: BackupType; json?: boolean }) => {
      const control = await runningControl(cli);
      const result = await workedOn(control.backup({ type: options.type }), cli.terminal);
      if (options.json === true) return cli.terminal.line(JSON.stringify(result));
      if (result.kind !== "backup") return;
      const { label, type, bytes: size, repositoryBytes, damaged } = result.backup;
      const took = `${bytes(size)}, of which ${bytes(repositoryBytes)} were added to the repository, in ${duration(result.tookMs)}`;
      cli.terminal.line(`${label} (${type}, from ${result.from}): ${took}.`);
      if (damaged) {
        const says = "pages of the database do not fit their checksums: its disk or memory may be failing";
        const fix = `see the log of dc1.backup, and restore an earlier backup beside it with \`ninefold restore\``;
        throw new CommandFailed({ code: "database-damaged", at: label, says, fix });
      }
    });

  backup
    .command("list")
    .description("show the backups that there are, and the times that can be restored")
    .option("--json", "print them as JSON")
    .action(async (_, command: Command) => {
      const view = await (await runningControl(cli)).backups();
      if (asJson(command)) return cli.terminal.line(JSON.stringify(view, undefined, 2));
      show(view, cli.terminal);
    });

  backup
    .command("verify")
    .description("read the whole repository and compare it with its checksums")
    .option("--json", "print what was found as JSON")
    .action(async (_, command: Command) => {
      const result = await workedOn((await runningControl(cli)).verifyBackups(), cli.terminal);
      if (asJson(command)) return cli.terminal.line(JSON.stringify(result));
      if (result.kind === "verify") cli.terminal.line(`${result.says}\nAll is whole (${duration(result.tookMs)}).`);
    });

  backup
    .command("off")
    .description("keep the log no longer; the backups that there are stay, and nothing after now can be restored")
    .action(async () => {
      await (await runningControl(cli)).backupsOff();
      cli.terminal.note("The log is no longer kept; `ninefold backup` begins again.");
    });
}

/** The option belongs to the command above as well, which takes it first. */
function asJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}

/** Shows how work on backups goes, and gives what came of it. @throws CommandFailed */
export async function workedOn(work: AsyncIterable<WorkView>, terminal: Terminal): Promise<WorkResult> {
  let last: WorkView | undefined;
  for await (const view of work) {
    last = view;
    if (view.state === "running" && view.says !== "") terminal.progress(`${view.kind}: ${view.says} …`);
  }
  terminal.settle();
  if (last?.result !== undefined) return last.result;
  const silence = {
    code: "work-silent",
    at: "control plane",
    says: "it does not say what came of it",
    fix: "run it again",
  };
  throw new CommandFailed(last?.problem ?? silence);
}

function show(view: BackupsView, terminal: Terminal): void {
  const { archiving, says, repository, backups, earliest, latest, aside, work } = view;
  if (backups.length === 0) terminal.line("There is no backup yet; make one with `ninefold backup`.");
  else {
    const rows = backups.map(({ label, type, finishedAt, startedAt, bytes: size, repositoryBytes }) => [
      label,
      type,
      time(finishedAt),
      duration(finishedAt - startedAt),
      bytes(size),
      bytes(repositoryBytes),
    ]);
    terminal.line(table([["BACKUP", "TYPE", "DONE", "TOOK", "DATABASE", "ADDED"], ...rows]));
    terminal.line();
    if (earliest !== undefined && latest !== undefined)
      terminal.line(`Any time can be restored from ${time(earliest)} to ${archiving === "on" ? "now" : time(latest)}.`);
  }
  terminal.line(`Archiving of the log: ${archiving}${says === undefined ? "" : `: ${says}`}`);
  terminal.line(`Repository: ${repository}`);
  if (aside !== undefined)
    terminal.line(`Aside, since \`restore --use\`: the database that served before (${bytes(aside)}).`);
  if (work?.state === "running") terminal.line(`Under way: ${work.kind}${work.says === "" ? "" : `, ${work.says}`}`);
}

/** As `restore --to` takes it. */
export function time(at: number): string {
  return new Date(at).toISOString();
}
