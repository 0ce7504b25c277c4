import { type Command, InvalidArgumentError } from "commander";
import type { Kysely } from "kysely";
import type { DeadLetter } from "../runtime/jobs/dead-letters.ts";
import type { Cli } from "./context.ts";
import { exit } from "./exit.ts";
import { wholeNumber } from "./options.ts";
import { CommandFailed } from "./problem.ts";
import { serviceDatabase } from "./service-database.ts";
import { table } from "./terminal.ts";

interface ListOptions {
  name?: string;
  after?: string;
  limit: number;
  json?: boolean;
}

/** Dead letters: jobs that failed as often as they may. */
export function jobsCommand(program: Command, cli: Cli): void {
  const jobs = program.command("jobs").description("list, replay and discard jobs that failed their last try");

  jobs
    .command("dead")
    .description("list dead letters, oldest first")
    .option("--name <name>", "only jobs of this name")
    .option("--after <id>", "go on after this one", jobId)
    .option("--limit <n>", "how many", wholeNumber(1, 10_000), 100)
    .option("--json", "print them as JSON")
    .action(async (options: ListOptions) => {
      const { name, after, limit } = options;
      const { listDeadLetters } = await import("../runtime/jobs/dead-letters.ts");
      const dead = await withDatabase(cli, (db) =>
        listDeadLetters(db, {
          limit,
          ...(name === undefined ? {} : { name }),
          ...(after === undefined ? {} : { after }),
        }),
      );
      cli.terminal.line(options.json === true ? JSON.stringify(dead, undefined, 2) : listing(dead));
    });

  jobs
    .command("replay")
    .description("give dead letters all their tries again, from now")
    .argument("<ids...>", "as `ninefold jobs dead` lists them", collect)
    .action((ids: string[]) => settle(cli, ids, "replay"));

  jobs
    .command("discard")
    .description("delete dead letters for good")
    .argument("<ids...>", "as `ninefold jobs dead` lists them", collect)
    .action((ids: string[]) => settle(cli, ids, "discard"));
}

async function settle(cli: Cli, ids: string[], action: "replay" | "discard"): Promise<void> {
  const { discardDeadLetters, replayDeadLetters } = await import("../runtime/jobs/dead-letters.ts");
  const act = { replay: replayDeadLetters, discard: discardDeadLetters }[action];
  const done = await withDatabase(cli, (db) => act(db, ids));
  cli.terminal.note(`${done.length} ${action}ed.`);
  const others = ids.filter((id) => !done.includes(id));
  if (others.length === 0) return;
  throw new CommandFailed(
    {
      code: "no-dead-letter",
      at: others.join(", "),
      says: `${others.length === 1 ? "is" : "are"} no dead letter, and was left alone`,
      fix: "see `ninefold jobs dead`",
    },
    exit.failed,
  );
}

function listing(dead: readonly DeadLetter[]): string {
  if (dead.length === 0) return "No dead letters.";
  const rows = dead.map(({ id, name, attempts, enqueuedAt, error }) => [
    id,
    name,
    String(attempts),
    enqueuedAt.toISOString(),
    error?.split("\n", 1)[0] ?? "left no word",
  ]);
  return table([["ID", "JOB", "TRIES", "ENQUEUED", "FAILED WITH"], ...rows]);
}

async function withDatabase<T>(cli: Cli, work: (db: Kysely<unknown>) => Promise<T>): Promise<T> {
  const database = await serviceDatabase(cli.folder(), "jobs");
  try {
    return await work(database.db);
  } finally {
    await database.close();
  }
}

function jobId(text: string): string {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError("A job's id is a whole number.");
  return text;
}

function collect(text: string, ids: readonly string[] = []): string[] {
  return [...ids, jobId(text)];
}
