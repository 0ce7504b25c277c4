import { type Command, InvalidArgumentError } from "commander";
import type { RestoreRequest, WorkResult } from "../control/backups/views.ts";
import { time, workedOn } from "./backup.ts";
import { question } from "./confirm.ts";
import { type Cli, runningControl } from "./context.ts";
import { exit } from "./exit.ts";
import { CommandFailed } from "./problem.ts";
import { duration, type Terminal, table } from "./terminal.ts";

interface RestoreOptions {
  readonly to?: RestoreRequest["to"];
  readonly use?: boolean;
  readonly back?: boolean;
  readonly drop?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function restoreCommand(program: Command, cli: Cli): void {
  program
    .command("restore")
    .description("restore the database as it was at a time, beside the one that serves, to look at and to copy from")
    .option("--to <time>", "a time such as 2026-11-27T22:30:00Z, the label of a backup, or `latest`", target)
    .option("--use", "have what was restored serve; the database that serves now stays aside")
    .option("--back", "have the database that is aside serve again")
    .option("--drop", "remove what was restored before, and the database that is aside")
    .option("-y, --yes", "do not ask before another database serves")
    .option("--json", "print what was restored as JSON")
    .action(async (options: RestoreOptions) => {
      const control = await runningControl(cli);
      if (options.use === true || options.back === true) {
        if (options.yes !== true) await confirm(options);
        const result = await workedOn(options.use ? control.useRestored() : control.useAside(), cli.terminal);
        if (options.json === true) cli.terminal.line(JSON.stringify(result));
        else if (result.kind === "use" || result.kind === "back") tell(result, cli.terminal);
        return;
      }
      if (options.drop === true) {
        await control.dropRestored();
        cli.terminal.note("What was restored is removed.");
        return;
      }
      if (options.to === undefined) throw nowhere();
      const result = await workedOn(control.restore({ to: options.to }), cli.terminal);
      if (options.json === true) cli.terminal.line(JSON.stringify(result));
      else if (result.kind === "restore") show(result, cli.terminal);
    });
}

/** What was written since is not lost, but the service does not see it: nobody should do that by a slip. */
async function confirm({ use }: RestoreOptions): Promise<void> {
  const option = use === true ? "--use" : "--back";
  const refused = (says: string, fix: string) =>
    new CommandFailed({ code: "not-confirmed", at: `restore ${option}`, says, fix }, exit.badInput);
  const says = "the service would no longer see what is in the database that serves now";
  if (!process.stdin.isTTY) throw refused(says, "add `--yes` to confirm it");
  const answer = await question(
    `${says[0]?.toUpperCase()}${says.slice(1)}; that one stays aside. Type "yes" to do it: `,
  );
  if (answer !== "yes") throw refused("nothing was changed", "type `yes` when asked, or add `--yes`");
}

function tell({ kind, pausedMs, tookMs }: Extract<WorkResult, { kind: "use" | "back" }>, terminal: Terminal): void {
  const serves = kind === "use" ? "What was restored serves now" : "The database that was aside serves again";
  terminal.line(`${serves} (${duration(tookMs)}; requests waited for ${duration(pausedMs)}).`);
  terminal.line(
    "The one that served before is aside: `ninefold restore --back` has it serve again, `--drop` removes it.",
  );
}

/** What `--to` says. A time without a zone is one of this machine. */
export function target(text: string): RestoreRequest["to"] {
  if (text === "latest") return "latest";
  if (/^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$/.test(text)) return { label: text };
  const at = /^\d{4}-\d\d-\d\d[T ]\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError("Give a time such as 2026-11-27T22:30:00Z, the label of a backup, or `latest`.");
  return { at };
}

function nowhere(): CommandFailed {
  const says = "it does not say what to restore";
  const fix =
    "add `--to` with a time, a label of `ninefold backup list`, or `latest`; or `--use`, `--back` or `--drop`";
  return new CommandFailed({ code: "no-target", at: "restore", says, fix }, exit.badInput);
}

function show(result: Extract<WorkResult, { kind: "restore" }>, terminal: Terminal): void {
  const { instance, socket, port, database, reachedAt, pages, tables, missingTables, migrationsSince, tookMs } = result;
  terminal.line(
    table([["TABLE", "ROWS", "NOW ABOUT"], ...tables.map((one) => [one.name, `${one.rows}`, `${one.rowsNow ?? "-"}`])]),
  );
  terminal.line();
  if (missingTables.length > 0) terminal.line(`Not in it, since they came later: ${missingTables.join(", ")}`);
  if (migrationsSince.length > 0) terminal.line(`Migrations since then: ${migrationsSince.join(", ")}`);
  if (reachedAt !== undefined) {
    const missing = duration(Math.max(0, Date.now() - reachedAt));
    terminal.line(
      `Its last commit is of ${time(reachedAt)}; what was written in the ${missing} since then is not in it.`,
    );
  }
  terminal.line(`${instance} is restored and read-only; all ${pages} pages fit their checksums (${duration(tookMs)}).`);
  terminal.line(`Look at it, or copy from it:  psql -h ${socket} -p ${port} -U ninefold_owner ${database}`);
  terminal.line("Its passwords are in .ninefold/secrets; `ninefold restore --drop` removes it.");
  terminal.line("`ninefold restore --use` has a copy of it serve.");
}
