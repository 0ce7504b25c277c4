import { sql } from "kysely";
import { expect, test } from "vitest";
import { lookUpOutcome } from "./outcome.ts";
import { openTestDatabase, testServer } from "./testing.ts";
import { Crasher } from "./testing-crash.ts";

const server = testServer({});

test.each(["backend", "all"] as const)(
  "after a crash (%s) a commit is believed only while the server can prove that it was ours",
  async (what) => {
    const database = openTestDatabase(server.current, { connections: 2, holdMs: 20_000 });
    const { db, scheduler } = database;
    await using crasher = new Crasher(server.current);
    const link = await scheduler.reserve();
    const identity = scheduler.identity(link);
    scheduler.release(link, false);
    if (identity === undefined) throw new Error("a connection in use knows its server");

    const { rows } = await sql<{ xid: string }>`select pg_current_xact_id()::text as xid`.execute(db);
    const committed = BigInt(rows[0]?.xid ?? 0);
    await sql`create table ${sql.table(`proof_${what}`)} (id int)`.execute(db); // flushes the log up to here
    const outcome = (xid: bigint) => lookUpOutcome(scheduler, { address: link.address, identity }, xid, 1_000);
    expect(await outcome(committed)).toBe("committed");

    const life = () =>
      sql<{ life: string }>`select pg_postmaster_start_time() || ' ' || pg_stat_get_bgwriter_stat_reset_time() as life`
        .execute(db)
        .then(({ rows: [row] }) => row?.life)
        .catch(() => before);
    let before: string | undefined;
    before = await life();
    await crasher.kill(what);
    if (what === "all") await crasher.start();
    await expect.poll(life, { timeout: 20_000 }).not.toBe(before);
    expect(await outcome(committed)).toBe("committed");
    expect(await outcome(committed + 1_000_000n)).toBe("rolled back");
    const later = await sql<{ xid: string }>`select pg_current_xact_id()::text as xid`.execute(db);
    expect(await outcome(BigInt(later.rows[0]?.xid ?? 0))).toBe("unknown"); // as if the crash had lost ours and given its number away
    await sql`checkpoint`.execute(db);
    expect(await outcome(committed)).toBe("unknown");
    await database.close();
  },
);
