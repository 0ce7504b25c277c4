import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { prepareRoles } from "../engines/postgres/index.ts";
import { startTestPostgres, type TestPostgres } from "../engines/postgres/testing.ts";
import { checkMovable } from "./check.ts";
import { fence } from "./fence.ts";
import { type Move, openMove } from "./move.ts";
import { COPY_STEPS, CUT_OVER_STEPS } from "./steps.ts";
import { asRole, audit, context, PG_DUMP, rows, sideOf, testMove, Writers } from "./testing.ts";
import { verify } from "./verify.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

test("the schema cannot change while it moves, temporary tables can be made, and the owner cannot write past the fence", async () => {
  await using system = await testMove();
  const { source, target, move } = system;
  for (const { run } of COPY_STEPS) await run(move, context());
  for (const [server, code] of [
    [source, "55006"],
    [target, "42501"],
  ] as const) {
    await asRole(server, server.owner, async (client) => {
      for (const change of [
        "create table more ()",
        "alter table accounts add more int",
        "drop table no_key",
        "grant select on accounts to public",
      ]) {
        await expect(client.query(change), change).rejects.toMatchObject({ code });
      }
      await client.query("create temp table mine (id int primary key); drop table mine");
    });
  }
  await fence(move, context());
  await asRole(source, source.owner, async (client) => {
    for (const write of [
      "delete from accounts",
      "truncate no_key",
      "grant delete on accounts to ninefold_owner",
      "select add_entry(gen_random_uuid(), 1, 1)",
    ]) {
      await expect(client.query(write), write).rejects.toMatchObject({ code: "42501" });
    }
    await client.query("select * from accounts");
  });
  await asRole(target, target.service, (client) =>
    expect(client.query("select * from accounts")).rejects.toMatchObject({ code: "42501" }),
  );
});

test("without a fence writes are lost, and without the step for sequences keys come twice", async () => {
  await using system = await testMove({ rows: 2_000 });
  const { source, target, move } = system;
  const writers = new Writers(source, 8, 5);
  for (const { run } of COPY_STEPS) await run(move, context());
  await asRole(source, source.superuser, async (client) => {
    // The fence says that it is there, but takes no rights.
    await client.query("insert into ninefold.fence values (true, 'all', now())");
  });
  for (const { name, run } of CUT_OVER_STEPS) {
    if (["prepare-reverse", "fence", "fence-reads", "copy-sequences", "reverse", "open", "end-forward"].includes(name))
      continue;
    await run(move, context());
  }
  await rows(target, `alter subscription ninefold_move_${move.id} disable`);
  await writers.more(60);
  await writers.stop();
  expect((await audit(target, writers.acknowledged)).lost).toBeGreaterThan(0);
  await expect(
    rows(target, "insert into ledger (op, account, amount) values (gen_random_uuid(), 1, 1)"),
  ).rejects.toMatchObject({ code: "23505" });
  await rows(target, `alter subscription ninefold_move_${move.id} set (slot_name = none)`);
  await rows(target, `drop subscription ninefold_move_${move.id}`);
});

test("a difference is found and told with table and keys, under writers; equal copies pass", async () => {
  await using system = await testMove({ rows: 15_000 });
  const { source, target, move } = system;
  const writers = new Writers(source);
  for (const { run } of COPY_STEPS) await run(move, context());
  await verify(move, context());
  await rows(
    target,
    "set session_replication_role = replica; update ledger set amount = amount + 1 where id = 12345; delete from parts where id = 74; insert into no_key values ('planted', 1)",
  );
  const found = await verify(move, context()).catch((cause: unknown) => cause);
  await writers.stop();
  expect(found).toMatchObject({ code: "move-differs", at: "dc1.db.2" });
  expect((found as { differences: object[] }).differences).toEqual([
    { table: "public.no_key", rows: [20, 21] },
    { table: "public.parts_low", range: { from: "the first", to: "the last" }, rows: [27, 26] },
    { table: "public.ledger", range: { from: "12000", to: "13000" }, rows: [1_000, 1_000] },
  ]);
  expect(await audit(source, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
});

let servers: [TestPostgres, TestPostgres];
beforeAll(async () => {
  servers = await Promise.all([startTestPostgres({ roles: true }), startTestPostgres({ roles: true })]);
});
afterAll(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));

let made: { database: string }[];
beforeEach(async () => {
  made = await Promise.all(servers.map((server) => server.createDatabase()));
});

function moveOf(change: Partial<{ port: number; pgDump: string }> = {}): Move {
  const [source, target] = servers.map((server, index) => ({
    ...sideOf(server, `db.${index + 1}`),
    database: made[index]!.database,
  }));
  const there = change.port === undefined ? target! : { ...target!, server: { host: "127.0.0.1", port: change.port } };
  return openMove({
    id: `gate_${made[0]!.database}`,
    source: source!,
    target: there,
    pgDump: change.pgDump ?? PG_DUMP,
  });
}

test("what cannot be moved is refused at once, all of it, with what to do, and nothing is changed", async () => {
  await using move = moveOf();
  await move.source.query(`
    create unlogged table public.cache (id int primary key); create table public.loose (v json);
    create table public.big (v int); insert into public.big select generate_series(1, 30000); analyze public.big;
    create function public.sneaky() returns void language sql security definer as 'select';
    create table public.fine (id int primary key); create table public.loud (id int primary key);
    create function public.noise() returns trigger language plpgsql as 'begin return new; end';
    create trigger noise after insert on public.loud for each row execute function public.noise();
    alter table public.loud enable always trigger noise; select lo_create(0); create role stranger;
    alter table public.fine owner to stranger`);
  await move.target.query("create table public.there (id int)");
  const refused = await checkMovable(move, { ...context(), targetFreeBytes: async () => 1_000 }).catch(
    (cause: unknown) => cause,
  );
  expect(refused).toMatchObject({ code: "move-refused" });
  const problems = (refused as { problems: { at: string; says: string; fix: string }[] }).problems;
  expect(problems.map(({ at }) => at).sort()).toEqual([
    "db.1: 1 large objects",
    "db.1: public.big",
    "db.1: public.cache",
    "db.1: public.loose",
    "db.1: public.loud, trigger noise",
    "db.1: public.sneaky()",
    "db.2",
    "db.2",
    "db.2: public.there",
  ]);
  expect(problems.find(({ at, says }) => at === "db.2" && says.includes("stranger"))?.fix).toMatch(/create it/);
  expect(problems.every(({ fix }) => fix.length > 0)).toBe(true);
  expect(await move.source.query("select from pg_namespace where nspname ~ '^ninefold_move'")).toEqual([]);
  await move.source.query(
    "alter table public.fine owner to ninefold_owner; drop role stranger; select lo_unlink(oid) from pg_largeobject_metadata",
  );
});

test("a target that refuses connections, or a missing pg_dump, is told before anything begins", async () => {
  await using gone = moveOf({ port: 1 });
  await expect(checkMovable(gone, context())).rejects.toMatchObject({
    code: "move-refused",
    problems: [{ at: "db.2", says: expect.stringContaining("cannot sign in") }],
  });
  await using toolless = moveOf({ pgDump: "/nowhere/pg_dump" });
  await expect(checkMovable(toolless, context())).rejects.toMatchObject({ problems: [{ at: "/nowhere/pg_dump" }] });
});

test("a transaction that stays open stops the fence with a message, and the source serves on", async () => {
  await using move = moveOf();
  await move.source.query("create table public.t (id int primary key)");
  await prepareRoles(move.source.server, move.source.database, move.source.passwords);
  for (const { run } of COPY_STEPS) await run(move, context());
  const stop = new AbortController();
  await move.source.apart(async (client) => {
    await client.query("begin; insert into public.t values (1)");
    const closing = fence(move, { signal: stop.signal, progress: () => undefined });
    const waiting = "select from pg_locks where mode = 'ExclusiveLock' and relation is not null and not granted";
    await expect.poll(async () => (await client.query(waiting)).rowCount, { interval: 5 }).toBeGreaterThan(0);
    await move.target.query("select");
    stop.abort(new Error("no more"));
    await expect(closing).rejects.toThrow("no more");
    await expect(fence(move, context(), 300)).rejects.toMatchObject({
      code: "move-late",
      says: expect.stringMatching(
        /longest open transaction is of "postgres" \(process \d+, ninefold move gate_test_\d+\)/,
      ),
    });
    await client.query("insert into public.t values (2); commit");
  });
  expect(await move.source.query("select from ninefold.fence")).toEqual([]);
  await fence(move, context());
});

test("a stream that stops in the pause is given up while writers can still wait, and the source serves on", async () => {
  await using system = await testMove({ rows: 200 });
  const { source, target, move } = system;
  const entry = "insert into ledger (op, account, amount) values (gen_random_uuid(), 1, 1)";
  for (const { run } of COPY_STEPS) await run(move, context());
  const cutOver = (names: readonly string[]) => CUT_OVER_STEPS.filter(({ name }) => names.includes(name));
  for (const { run } of cutOver(["catch-up", "verify", "prepare-reverse"])) await run(move, context());
  await asRole(target, target.superuser, async (client) => {
    await client.query("begin; lock table ledger in access exclusive mode"); // whoever applies the changes waits
    await rows(source, entry);
    const began = performance.now();
    await fence(move, context());
    const [drain] = cutOver(["drain-to-target"]);
    await expect(drain!.run(move, context())).rejects.toMatchObject({
      code: "move-late",
      at: move.target.name,
    });
    await drain!.undo!(move, context());
    expect(performance.now() - began).toBeLessThan(15_000);
    await rows(source, entry);
    await client.query("rollback");
  });
  for (const { run } of CUT_OVER_STEPS) await run(move, context());
  expect(await rows(target, "select count(*)::int as n from ledger")).toEqual([{ n: 202 }]);
});

test("a foreign key that meets changes which arrive in another order is made all the same", async () => {
  await using system = await testMove({ rows: 200 });
  const { target, move } = system;
  for (const { name, run } of COPY_STEPS) if (name !== "finish-schema") await run(move, context());
  const finish = COPY_STEPS.find(({ name }) => name === "finish-schema")!;
  await asRole(target, target.superuser, async (client) => {
    const later = `${move.schema}.later`;
    await client.query(`create temp table keys as select * from ${later} where what like 'FK %'`);
    await client.query(`delete from ${later} where what like 'FK %'`);
    await finish.run(move, context());
    await client.query(`insert into ${later} overriding system value select * from keys`);
    // Whoever waits first looks for a deadlock last, and so finds it however late this client comes; this client never looks.
    await client.query(`alter database ${target.database} set deadlock_timeout = '3s'; set deadlock_timeout = '1min'`);
    await client.query("begin; lock table accounts in row exclusive mode");
    const wantsLocks = async () => {
      await vi.waitFor(async () => {
        const waiting = "select from pg_locks where relation = 'accounts'::regclass and not granted";
        expect((await client.query(waiting)).rowCount).toBe(1);
      }, 20_000);
      await client.query("lock table ledger in row exclusive mode"); // PostgreSQL breaks the foreign key off
      await client.query("rollback");
    };
    await Promise.all([finish.run(move, context()), wantsLocks()]);
  });
  const keys = "select count(*)::int as n from pg_constraint where contype = 'f' and conrelid = 'ledger'::regclass";
  expect(await rows(target, keys)).toEqual([{ n: 1 }]);
});

test("a target that cannot take the rows stops the copy with a message, and goes on when the cause is gone", async () => {
  await using move = moveOf();
  await move.source.query("create table public.t (id int primary key); insert into public.t values (1)");
  const copy = COPY_STEPS.findIndex(({ name }) => name === "await-copy");
  for (const { name, run } of COPY_STEPS.slice(0, copy)) {
    if (name === "begin-copy") {
      await move.target.query("alter table public.t add constraint full_disk check (false) not valid");
    }
    await run(move, context());
  }
  await expect(COPY_STEPS[copy]!.run(move, context())).rejects.toMatchObject({ code: "move-copy-stopped", at: "db.2" });
  await move.target.query("alter table public.t drop constraint full_disk");
  await COPY_STEPS[copy]!.run(move, context());
  expect(await move.target.query("select id from public.t")).toEqual([{ id: 1 }]);
});
