import { type Command, InvalidArgumentError } from "commander";
import type { RestoreRequest, WorkResult } from "../control/backups/views.ts";
import { time, workedOn } from "./backup.ts";
import { type Cli, runningControl } from "./context.ts";
import { exit } from "./exit.ts";
import { CommandFailed } from "./problem.ts";
import { duration, type Terminal, table } from "./terminal.ts";

export function restoreCommand(program: Command, cli: Cli): void {
  program
    .command("restore")
    .description("restore the database as it was at a time, beside the one that serves, to look at and to copy from")
    .option("--to <time>", "a time such as 2026-11-27T22:30:00Z, the label of a backup, or `latest`", target)
    .option("--drop", "remove what was restored before")
    .option("--json", "print what was restored as JSON")
    .action(async (options: { to?: RestoreRequest["to"]; drop?: boolean; json?: boolean }) => {
      const control = await runningControl(cli);
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
  const fix = "add `--to` with a time, a label of `ninefold backup list`, or `latest`";
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
}
