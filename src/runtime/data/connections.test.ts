import { sql } from "kysely";
import { Client } from "pg";
import { expect, test } from "vitest";
import { openTestDatabase, testServer } from "./testing.ts";

const server = testServer();

const LIMIT = 5;
const LOCK = 4_711;

/** Milliseconds between the first connection of the database's process and each later one, as the server saw them. */
async function cameAfter(client: Client, name: string): Promise<number[]> {
  const { rows } = await client.query<{ ms: number }>(
    `select extract(epoch from backend_start - min(backend_start) over ())::float8 * 1000 as ms
     from pg_stat_activity where application_name = $1 order by backend_start`,
    [name],
  );
  return rows.map(({ ms }) => ms);
}

async function opened(name: string) {
  const client = new Client({ connectionString: server.current.connectionString });
  await client.connect();
  const database = openTestDatabase(server.current, { connections: LIMIT, applicationName: name, busyMs: 30_000 });
  return {
    client,
    db: database.db,
    all: () => expect.poll(() => database.stats().connections.open, { timeout: 20_000 }).toBe(LIMIT),
    [Symbol.asyncDispose]: async () => {
      await database.close();
      await client.end();
    },
  };
}

test("those that are not needed now come one a second", async () => {
  await using quiet = await opened("quiet");
  await quiet.all();
  const ms = await cameAfter(quiet.client, "quiet");
  const pauses = ms.map((at, i) => at - (ms[i - 1] ?? at));
  for (const pause of pauses.slice(2)) expect(pause).toBeGreaterThan(900);
});

test("and all of them at once when work waits for them", async () => {
  await using busy = await opened("busy");
  await busy.client.query("select pg_advisory_lock($1)", [LOCK]);
  const held = Array.from({ length: LIMIT }, () => sql`select pg_advisory_xact_lock(${LOCK})`.execute(busy.db));
  await busy.all();
  expect((await cameAfter(busy.client, "busy")).at(-1)).toBeLessThan(2_000);
  await busy.client.query("select pg_advisory_unlock($1)", [LOCK]);
  await Promise.all(held);
});
