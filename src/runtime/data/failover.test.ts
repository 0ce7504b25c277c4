import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { AnswerLost, type Database, OutcomeUnknown, openDatabase } from "./index.ts";
import { startTestProxy, type TestProxy, type Verdict } from "./testing-proxy.ts";
import { startTestCluster, synchronousNames, type TestCluster, type TestMember, until } from "./testing-standbys.ts";

interface Tables {
  entry: { id: number };
}

/** Connections that are cut at each of the four places; `NINEFOLD_CUTS=1000` is for a longer look than every run of the tests takes. */
const CUTS = Number(process.env.NINEFOLD_CUTS ?? 60);

let cluster: TestCluster;
let primary: TestMember;
let standby: TestMember;
let proxy: TestProxy;
let database: Database<Tables>;
let next = 1;

beforeAll(async () => {
  cluster = await startTestCluster();
  [primary, standby] = cluster.members as [TestMember, TestMember];
  proxy = await startTestProxy(primary.address);
  // No unique index: a write that is applied twice must be seen, not refused.
  await primary.run("create table entry (id int not null); grant all on entry to public");
  database = openDatabase<Tables>({
    endpoints: {
      version: 1,
      epoch: 1,
      deployment: "test",
      clusters: { main: { primary: { ...primary.address, port: proxy.port }, standbys: [standby.address] } },
    },
    credentials: primary.server.service,
    connections: 4,
    holdMs: 5_000,
  });
}, 60_000);
beforeEach(() => {
  proxy.judge = () => "pass";
});
afterAll(async () => {
  await database?.close(100);
  await proxy?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const insert = (id: number) => database.db.insertInto("entry").values({ id }).execute();
const transaction = (id: number) =>
  database.db.transaction().execute(async (trx) => {
    await trx.insertInto("entry").values({ id }).execute();
    await trx.selectFrom("entry").select("id").where("id", "=", id).execute();
  });
const times = async (id: number, member = primary) =>
  (await member.rows<{ n: number }>(`select count(*)::int as n from entry where id = ${id}`))[0]?.n;

/** Makes the standby the one that commits wait for, and those that wait hear of it: they do when it answers to something new. */
async function standbyCounts() {
  await primary.set({ synchronous_standby_names: synchronousNames([standby.name]) });
  await primary.run("select pg_logical_emit_message(true, 'test', '')");
}

/** Cuts the next message that `matches`. */
function cutOnce(verdict: Verdict, matches: (code: string, names: string) => boolean) {
  proxy.judge = ({ code, names }) => {
    if (!matches(code, names)) return "pass";
    proxy.judge = () => "pass";
    return verdict;
  };
}

const isCommit = (code: string, names: string) => (code === "B" || code === "P") && names === "commit";
const isWrite = (code: string, names: string) => code === "B" && /^n\d/.test(names);

test.each<[string, (id: number) => Promise<unknown>, Verdict, typeof isCommit]>([
  ["a transaction, cut before the server had its COMMIT", transaction, "cut-before", isCommit],
  ["a transaction, cut after it, the answer swallowed", transaction, "cut-after", isCommit],
  ["a write, cut before the server had it", insert, "cut-before", isWrite],
  ["a write, cut after it, the answer swallowed", insert, "cut-after", isWrite],
])(
  "%s: nothing is lost and nothing doubled, every time",
  async (_, write, verdict, where) => {
    const from = next;
    let lostAnswers = 0;
    for (; next < from + CUTS; next++) {
      cutOnce(verdict, where);
      await write(next).catch((error) => {
        if (!(error instanceof AnswerLost)) throw error;
        lostAnswers++;
      });
    }
    const rows = await primary.rows<{ id: number; n: number }>(
      `select id, count(*)::int as n from entry where id >= ${from} group by id order by id`,
    );
    expect(rows).toEqual(Array.from({ length: CUTS }, (_, i) => ({ id: from + i, n: 1 })));
    expect(lostAnswers).toBe(write === insert && verdict === "cut-after" ? CUTS : 0);
  },
  60_000 + CUTS * 1_000,
);

test("a commit whose wait for the standbys is cancelled is not acknowledged before they have it", async () => {
  await primary.set({ synchronous_standby_names: synchronousNames(["nobody"]) });
  for (const [write, how] of [
    [insert, "pg_cancel_backend"],
    [transaction, "pg_cancel_backend"],
    [insert, "pg_terminate_backend"],
    [transaction, "pg_terminate_backend"],
  ] as const) {
    const id = next++;
    let done = false;
    const written = write(id).then(() => {
      done = true;
    });
    const waits = "from pg_stat_activity where wait_event = 'SyncRep'";
    await until(async () => (await primary.rows(`select ${waits}`)).length > 0);
    await primary.run(`select ${how}(pid) ${waits}`);
    await until(async () => (await times(id)) === 1); // visible on the primary, and nowhere else
    expect(done).toBe(false);
    await standbyCounts();
    await written;
    expect(await times(id)).toBe(1);
    expect(await times(id, standby)).toBe(1);
    await primary.set({ synchronous_standby_names: synchronousNames(["nobody"]) });
  }
  const id = next++;
  const written = insert(id);
  await until(async () => (await primary.rows("select from pg_stat_activity where wait_event = 'SyncRep'")).length > 0);
  await primary.run("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
  await expect(written).rejects.toBeInstanceOf(OutcomeUnknown);
  await standbyCounts();
}, 60_000);

test("rows of outcomes go away in turn, and none before its time", async () => {
  await primary.run(
    "truncate ninefold.outcomes; insert into ninefold.outcomes (id, slot) values (1, 0), (2, 1), (3, 2)",
  );
  await primary.run("select ninefold.sweep_outcomes()");
  const rows = await primary.rows<{ slot: number }>("select slot from ninefold.outcomes order by slot");
  const [now] = await primary.rows<{ slot: number; late: boolean }>(
    "select floor(extract(epoch from now()) / 600)::bigint::int % 3 as slot, extract(epoch from now())::bigint % 600 > 535 as late",
  );
  const swept = now?.late ? [] : [((now?.slot ?? 0) + 1) % 3];
  expect(rows.map(({ slot }) => slot)).toEqual([0, 1, 2].filter((slot) => !swept.includes(slot)));
});

test("across a failover each write is there once or told to be unknown, and only what was in doubt is unknown", async () => {
  let stop = false;
  const acknowledged = new Set<number>();
  const lostAnswers = new Set<number>();
  const unknown = new Set<number>();
  const failures: unknown[] = [];
  const writers = Array.from({ length: 8 }, async (_, i) => {
    while (!stop) {
      const id = next++;
      await (i % 2 === 0 ? insert : transaction)(id).then(
        () => acknowledged.add(id),
        (error) => {
          if (error instanceof AnswerLost) lostAnswers.add(id);
          else if (error instanceof OutcomeUnknown) unknown.add(id);
          else failures.push(error);
        },
      );
    }
  });
  await until(() => acknowledged.size > 100);
  const before = acknowledged.size;
  proxy.down();
  await primary.set({ synchronous_standby_names: "" }); // and whatever it does from now on, nobody hears of it
  await standby.run("select pg_promote()");
  await until(() => acknowledged.size > before + 100);
  stop = true;
  await Promise.all(writers);

  const rows = await standby.rows<{ id: number }>("select id from entry");
  const found = new Map<number, number>();
  for (const { id } of rows) found.set(id, (found.get(id) ?? 0) + 1);
  expect(failures).toEqual([]);
  expect([...unknown]).toEqual([]);
  expect([...acknowledged, ...lostAnswers].filter((id) => found.get(id) !== 1)).toEqual([]);
  expect([...found].filter(([, n]) => n > 1)).toEqual([]);
}, 60_000);
