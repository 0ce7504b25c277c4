// A worker process of its own, to be killed or stopped by a test: `node testing-worker.ts <connection as JSON>`.
import { sql } from "kysely";
import type { JobDefinitions } from "./definition.ts";
import { type Effects, openEffects, startTestWorker } from "./testing.ts";

const connection = JSON.parse(process.argv[2] ?? "");
const database = openEffects(connection, 10);

/** What the tests of killed workers run. */
const definitions: JobDefinitions<Effects> = {
  /** Applies its effect in two statements, so that there are moments before, between and after them. */
  effect: {
    run: async (job, { db }) => {
      await db
        .insertInto("effects")
        .values({ job: job.id, note: `${process.pid}` })
        .execute();
      await sql`select pg_sleep(0.002)`.execute(db);
    },
  },
  /** Holds an open transaction until the test lets it go with SIGUSR2. */
  held: {
    run: async (job, { db }) => {
      await db
        .insertInto("effects")
        .values({ job: job.id, note: `${process.pid}` })
        .execute();
      process.stdout.write(`holding ${job.id}\n`);
      await new Promise((resolve) => process.once("SIGUSR2", resolve));
    },
  },
  /** Ends its process at once, whenever it is tried. */
  poison: { run: async () => process.exit(9), attempts: 2 },
  /** Says that it runs, and runs for long. */
  slow: {
    run: async (job) => {
      process.stdout.write(`running ${job.id}\n`);
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    },
  },
};

const worker = startTestWorker(database, () => connection, definitions, 8);
process.on("SIGTERM", () => void worker.drain(500).then(() => process.exit(0)));
