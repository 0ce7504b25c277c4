import { expect, test, vi } from "vitest";
import { COPY_STEPS } from "./steps.ts";
import { asRole, context, rows, testMove } from "./testing.ts";
import { vacuumSource } from "./vacuum.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

test("a copy of rows that nobody has read since they were written writes next to nothing at the source", async () => {
  await using system = await testMove();
  const { source, move } = system;
  expect(await rows(source, "show data_checksums")).toEqual([{ data_checksums: "on" }]);
  await asRole(source, source.superuser, async (client) => {
    await client.query("alter table ledger set (autovacuum_enabled = false)");
    await client.query(
      "insert into ledger (op, account, amount) select gen_random_uuid(), 1, 1 from generate_series(1, 100000)",
    );
    await client.query("checkpoint"); // the first change of a page after one logs all of it
  });
  let before = "";
  let written = 0;
  for (const { name, run } of COPY_STEPS) {
    if (name === "begin-copy") before = await position();
    await run(move, context());
    if (name === "await-copy") written = await writtenSince(before);
  }
  const [table] = await rows<{ bytes: number }>(source, "select pg_table_size('ledger')::float8 as bytes");
  expect(table?.bytes).toBeGreaterThan(5e6);
  expect(written).toBeLessThan(5e5);

  async function position(): Promise<string> {
    const [row] = await rows<{ lsn: string }>(source, "select pg_current_wal_insert_lsn()::text as lsn");
    return row?.lsn ?? "";
  }

  async function writtenSince(lsn: string): Promise<number> {
    const text = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::float8 as bytes";
    const [row] = await rows<{ bytes: number }>(source, text, [lsn]);
    return row?.bytes ?? Number.NaN;
  }
});

test("a table that somebody else has locked stays as it is", async () => {
  await using system = await testMove();
  const { source, move } = system;
  await asRole(source, source.owner, async (client) => {
    await client.query("begin; lock table ledger in share update exclusive mode");
    await vacuumSource(move, context());
    await client.query("rollback");
  });
  const vacuumed = await rows(
    source,
    "select relname from pg_stat_user_tables where vacuum_count = 0 and schemaname = 'public' and relname in ('ledger', 'accounts')",
  );
  expect(vacuumed).toEqual([{ relname: "ledger" }]);
});
