import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import type { Kysely } from "kysely";
import type { Cli } from "./context.ts";
import { exit } from "./exit.ts";
import { wholeNumber } from "./options.ts";
import { CommandFailed } from "./problem.ts";
import { serviceDatabase } from "./service-database.ts";
import { duration } from "./terminal.ts";

/** What a service's seed.ts exports by default. */
type Seed = (resources: {
  readonly db: Kysely<unknown>;
  readonly size: number;
  /** Tells how far it is: from 0 to 1, and what it is doing. */
  readonly progress: (share: number, doing: string) => void;
}) => Promise<void>;

export function seedCommand(program: Command, cli: Cli): void {
  program
    .command("seed")
    .description("fill the running service's database with realistic data, as the service's seed.ts makes it")
    .option("--size <n>", "how much; what it counts is the service's choice", wholeNumber(1, 1_000_000_000), 1_000)
    .action((options: { size: number }) => seed(cli, options.size));
}

async function seed(cli: Cli, size: number): Promise<void> {
  const folder = cli.folder();
  const run = await loadSeed(folder);
  const started = performance.now();
  const database = await serviceDatabase(folder, "seed");
  try {
    await run({
      db: database.db,
      size,
      progress: (share, doing) => cli.terminal.progress(`${bar(share)} ${Math.floor(share * 100)} %  ${doing}`),
    });
  } finally {
    cli.terminal.settle();
    await database.close();
  }
  cli.terminal.note(`Seeded ${size} in ${duration(performance.now() - started)}.`);
}

async function loadSeed(folder: string): Promise<Seed> {
  const path = ["seed.ts", "seed.js"].map((name) => join(folder, name)).find(existsSync);
  const refuse = (at: string, says: string) =>
    new CommandFailed(
      {
        code: "bad-seed-file",
        at,
        says,
        fix: "export by default a function ({ db, size, progress }) that makes the data",
      },
      exit.badInput,
    );
  if (path === undefined) throw refuse(folder, "there is no seed.ts");
  const module: { default?: unknown } = await import(pathToFileURL(path).href);
  const made = module.default;
  if (typeof made !== "function") throw refuse(path, "its default export is no function");
  return (resources) => made(resources);
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * 24);
  return `[${"#".repeat(full)}${"-".repeat(24 - full)}]`;
}
