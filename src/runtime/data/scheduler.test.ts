import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runWithSession, Session } from "../session/index.ts";
import type { Database } from "./index.ts";
import { openTestDatabase, type TestTables, testServer } from "./testing.ts";
import { startTestProxy, type TestProxy } from "./testing-proxy.ts";

const server = testServer();
let proxy: TestProxy;
let admin: Database<TestTables>;

beforeAll(async () => {
  proxy = await startTestProxy(server.current);
  admin = openTestDatabase(server.current);
  await sql`create table item (id int primary key, name text not null, amount int not null default 0, made timestamptz)`.execute(
    admin.db,
  );
});
beforeEach(async () => {
  await sql`truncate item; insert into item (id, name) values (1, 'a'), (2, 'b')`.execute(admin.db);
});
afterAll(async () => {
  await admin.close();
  await proxy[Symbol.asyncDispose]();
});

async function using(connections: number, work: (database: Database<TestTables>) => Promise<void>, options = {}) {
  const database = openTestDatabase(server.current, { port: proxy.port, connections, ...options });
  try {
    await database.ping();
    while (database.stats().connections.open < connections) await new Promise(setImmediate);
    await work(database);
  } finally {
    await database.close();
  }
}

/** What `work` costs on the wire: trips, and statements executed. */
async function cost(work: () => Promise<unknown>) {
  proxy.trips = 0;
  proxy.messages.length = 0;
  await work();
  const count = (code: string) => proxy.messages.filter((message) => message.code === code).length;
  return { trips: proxy.trips, executes: count("E"), syncs: count("S"), parses: count("P"), describes: count("D") };
}

test("a transaction of n statements costs n trips and one for the commit with its position", async () => {
  await using(2, async ({ db }) => {
    const work = () =>
      runWithSession(new Session(), () =>
        db.transaction().execute(async (trx) => {
          await trx.selectFrom("item").select("id").execute();
          await trx.updateTable("item").set({ amount: 1 }).where("id", "=", 1).execute();
          await trx.updateTable("item").set({ amount: 2 }).where("id", "=", 2).execute();
        }),
      );
    await work();
    // begin + 3 statements + the transaction's number + commit + position
    expect(await cost(work)).toEqual({ trips: 4, executes: 7, syncs: 5, parses: 0, describes: 0 });
    expect(await cost(() => db.transaction().execute(async () => undefined))).toMatchObject({ trips: 0 });
  });
});

test("a repeated statement is bind, execute and sync, and a write learns its position in the same trip", async () => {
  await using(1, async ({ db }) => {
    const read = () => db.selectFrom("item").select("id").execute();
    const write = () => db.updateTable("item").set({ amount: 3 }).execute();
    await read();
    await runWithSession(new Session(), write);
    expect(await cost(read)).toEqual({ trips: 1, executes: 1, syncs: 1, parses: 0, describes: 0 });
    expect(await cost(write)).toEqual({ trips: 1, executes: 1, syncs: 1, parses: 0, describes: 0 });
    expect(await cost(() => runWithSession(new Session(), write))).toMatchObject({ trips: 1, executes: 2 });
  });
});

test("reads of one batch share connections without waiting for each other", async () => {
  await using(2, async ({ db }) => {
    const read = (id: number) => db.selectFrom("item").select("id").where("id", "=", id).execute();
    await Promise.all([read(1), read(2), read(3), read(4)]);
    const spent = await cost(() => Promise.all(Array.from({ length: 16 }, (_, id) => read(id))));
    expect(spent).toMatchObject({ executes: 16, parses: 0 });
    expect(spent.trips).toBeLessThanOrEqual(2);
  });
});

test("identical reads are joined before they are sent, each caller with rows of its own", async () => {
  await using(1, async ({ db, stats }) => {
    const read = (id: number) => db.selectFrom("item").selectAll().where("id", "=", id).execute();
    await read(1);
    const results: { name: string }[][] = [];
    const spent = await cost(async () => {
      results.push(...(await Promise.all([read(1), read(1), read(2), read(1)])));
    });
    expect(spent.executes).toBe(2);
    expect(stats().joined).toBe(2);
    (results[0]?.[0] as { name: string }).name = "changed";
    expect(results[1]).toEqual([expect.objectContaining({ name: "a" })]);
    expect(results[0]?.[0]).not.toBe(results[3]?.[0]);
  });
});

test("a read that was sent is never joined: it may not see what its second caller has just written", async () => {
  await using(2, async ({ db, stats }) => {
    const slow = sql`select pg_sleep(0.2)`;
    const read = () => db.selectFrom("item").select("amount").where("id", "=", 1).executeTakeFirst();
    await read();
    const gate = await admin.db.startTransaction().execute();
    await sql`lock table item in access exclusive mode`.execute(gate);
    const early = read();
    await slow.execute(admin.db);
    await gate.updateTable("item").set({ amount: 7 }).where("id", "=", 1).execute();
    const late = read();
    await gate.commit().execute();
    expect(await late).toEqual({ amount: 7 });
    await early;
    expect(stats().joined).toBe(0);
  });
});

test("writes and raw statements are never joined", async () => {
  await using(1, async ({ db }) => {
    const raise = () =>
      db
        .updateTable("item")
        .set((eb) => ({ amount: eb("amount", "+", 1) }))
        .where("id", "=", 1)
        .execute();
    await Promise.all([raise(), raise(), raise()]);
    expect(await db.selectFrom("item").select("amount").where("id", "=", 1).executeTakeFirst()).toEqual({ amount: 3 });
    const rows = await Promise.all([1, 2].map(() => sql<{ r: number }>`select random() as r`.execute(db)));
    expect(rows[0]?.rows[0]?.r).not.toBe(rows[1]?.rows[0]?.r);
  });
});

test("nothing is sent behind a statement that waits for a lock, so what the lock's owner asks outside comes through", async () => {
  await using(2, async ({ db }) => {
    await db.transaction().execute(async (trx) => {
      await trx.updateTable("item").set({ amount: 1 }).where("id", "=", 1).execute();
      const blocked = db.updateTable("item").set({ amount: 2 }).where("id", "=", 1).execute();
      blocked.catch(() => undefined);
      await new Promise(setImmediate);
      await expect(
        Promise.race([
          db.selectFrom("item").select("id").execute(),
          new Promise((_, no) => setTimeout(no, 300, "stuck")),
        ]),
      ).rejects.toBe("stuck"); // with two connections there is none left: one is ours, one waits
    });
  });
  await using(3, async ({ db }) => {
    await db.transaction().execute(async (trx) => {
      await trx.updateTable("item").set({ amount: 1 }).where("id", "=", 1).execute();
      const blocked = db.updateTable("item").set({ amount: 2 }).where("id", "=", 1).execute();
      blocked.catch(() => undefined);
      await new Promise(setImmediate);
      for (let i = 0; i < 20; i++) expect(await db.selectFrom("item").select("id").execute()).toHaveLength(2);
    });
    await db.transaction().execute(async (trx) => {
      await trx.updateTable("item").set({ amount: 1 }).where("id", "=", 1).execute();
      const blocked = db.updateTable("item").set({ amount: 2 }).where("id", "=", 1).execute();
      blocked.catch(() => undefined);
      const reads = Array.from({ length: 6 }, (_, i) =>
        db.selectFrom("item").select("id").where("id", "=", i).execute(),
      );
      await Promise.all(reads); // asked for in the same batch as the one that waits
    });
  });
});

test("transactions never take the last connection, and are not starved by other statements", async () => {
  await using(2, async ({ db }) => {
    let stop = false;
    let others = 0;
    const traffic = Array.from({ length: 40 }, async (_, i) => {
      for (; !stop; others++) await db.updateTable("item").set({ amount: i }).where("id", "=", 2).execute();
    });
    for (let i = 0; i < 20; i++) {
      await db.transaction().execute(async (trx) => {
        await trx.updateTable("item").set({ amount: i }).where("id", "=", 1).execute();
        await db.selectFrom("item").select("id").execute();
      });
    }
    stop = true;
    await Promise.all(traffic);
    // Each of the 20 waits twice, for its connection and for its read outside, each time behind the 40 that came before.
    expect(others).toBeLessThan(20 * 40 * 4);
    const nested = Array.from({ length: 6 }, () =>
      db.transaction().execute(async (trx) => {
        await trx.selectFrom("item").select("id").execute();
        return db.selectFrom("item").select("id").where("id", "=", 1).execute();
      }),
    );
    await Promise.all(nested);
  });
});

test("a transaction in conflict is run again, a bounded number of times", async () => {
  await using(4, async ({ db, stats }) => {
    const raise = () =>
      db
        .transaction()
        .setIsolationLevel("serializable")
        .execute(async (trx) => {
          const { amount } = await trx
            .selectFrom("item")
            .select("amount")
            .where("id", "=", 1)
            .executeTakeFirstOrThrow();
          await trx
            .updateTable("item")
            .set({ amount: amount + 1 })
            .where("id", "=", 1)
            .execute();
        });
    await Promise.all([raise(), raise(), raise()]);
    expect(await db.selectFrom("item").select("amount").where("id", "=", 1).executeTakeFirst()).toEqual({ amount: 3 });
    expect(stats().retries).toBeGreaterThan(0);
    let runs = 0;
    const always = db.transaction().execute(async (trx) => {
      runs++;
      await sql`do $$ begin raise exception using errcode = '40001'; end $$`.execute(trx);
    });
    await expect(always).rejects.toMatchObject({ code: "40001" });
    expect(runs).toBe(6);
    runs = 0;
    const own = db.connection().execute(async (one) => {
      runs++;
      await one
        .transaction()
        .execute((trx) => sql`do $$ begin raise exception using errcode = '40001'; end $$`.execute(trx));
    });
    await expect(own).rejects.toMatchObject({ code: "40001" });
    expect(runs).toBe(1);
  });
});

test("a slow statement does not hold up those that come after it", async () => {
  await using(2, async ({ db }) => {
    const slow = db
      .selectFrom("item")
      .select("id")
      .where(sql<boolean>`(select count(*) from repeat('x', 1) a, generate_series(1, 1) b) > 0`)
      .execute();
    await slow;
    const sleeping = sql`select pg_sleep(0.5)`.execute(db);
    const began = performance.now();
    for (let i = 0; i < 10; i++) await db.selectFrom("item").select("id").execute();
    expect(performance.now() - began).toBeLessThan(400);
    await sleeping;
  });
});

test("closing lets what is under way end, and refuses the rest", async () => {
  const database = openTestDatabase(server.current, { connections: 2 });
  await database.ping();
  const slow = sql<{ one: number }>`select 1 as one from pg_sleep(0.2)`.execute(database.db);
  await new Promise(setImmediate);
  const closing = database.close();
  await expect(sql`select 1`.execute(database.db)).rejects.toMatchObject({ code: "database-unavailable" });
  expect((await slow).rows).toEqual([{ one: 1 }]);
  await closing;
});
