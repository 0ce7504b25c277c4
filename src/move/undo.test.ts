import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { reversed } from "./move.ts";
import { CUT_OVER_STEPS, MOVE_STEPS, reverseMove } from "./steps.ts";
import { asRole, audit, context, rows, type TestMove, testMove, Writers } from "./testing.ts";
import { abandon, dropOld, unfence } from "./undo.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

let system: TestMove;
beforeEach(async () => {
  system = await testMove({ rows: 300 });
});
afterEach(() => system[Symbol.asyncDispose]());

/** What a move may touch at a side, as the server tells it. */
async function traces(server: TestMove["source"]) {
  const [found] = await rows(
    server,
    `select
      array(select slot_name::text from pg_replication_slots) as slots,
      array(select pubname::text from pg_publication) as publications,
      array(select subname::text from pg_subscription) as subscriptions,
      array(select rolname::text from pg_roles where rolname !~ '^pg_' order by 1) as roles,
      array(select nspname::text from pg_namespace where nspname !~ '^pg_' order by 1) as schemas,
      array(select evtname::text from pg_event_trigger) as triggers,
      array(select roname::text from pg_replication_origin) as origins,
      array(select phase from ninefold.fence) as fence,
      array(select format('%s %s %s', c.oid::regclass, c.relreplident, (select string_agg(format('%s=%s%s', grantee::regrole, privilege_type, is_grantable), ',' order by grantee::regrole::text, privilege_type)
              from aclexplode(coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner))) e))
            from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r','p','v','m','S') order by c.oid::regclass::text) as rights,
      array(select format('%s.%s %s', attrelid::regclass, attname, attacl) from pg_attribute where attacl is not null and attrelid >= 16384 order by 1) as columns`,
  );
  return found;
}

test("given up after any step before the target opens, a move leaves the source as it was, and the target empty", async () => {
  const { source, target, move } = system;
  await asRole(source, source.owner, async (client) => {
    await client.query(
      "grant update (name) on accounts to ninefold_service; create table grants (id int primary key, v int)",
    );
    await client.query(
      "revoke all on grants from ninefold_service; grant insert (id), select on grants to ninefold_service",
    );
  });
  const [before, empty] = [await traces(source), await traces(target)];
  const steps = MOVE_STEPS.slice(
    0,
    MOVE_STEPS.findIndex(({ name }) => name === "open"),
  );
  const writers = new Writers(source, 4);
  for (let upTo = 1; upTo <= steps.length; upTo += 1) {
    for (const { run } of steps.slice(0, upTo)) await run(move, context());
    await abandon(move, context());
    expect(await traces(source), `after ${steps[upTo - 1]?.name}`).toEqual(before);
    expect(await traces(target), `after ${steps[upTo - 1]?.name}`).toEqual(empty);
    await abandon(move, context());
  }
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await audit(source, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
});

test("a cut-over that is taken back can be tried again, and nothing is lost or comes twice", async () => {
  const { source, target, move } = system;
  const writers = new Writers(source);
  for (const { name, run } of MOVE_STEPS) {
    if (name === "open") break;
    await run(move, context());
  }
  await unfence(move, context());
  await writers.more(40);
  for (const { name, run } of CUT_OVER_STEPS) {
    await run(move, context());
    if (name === "open") writers.point(target);
  }
  await writers.more(40);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await audit(target, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  await expect(unfence(move, context())).rejects.toMatchObject({ code: "move-order" });
  await expect(abandon(move, context())).rejects.toMatchObject({ code: "move-order" });
});

test("going back brings every write along, may be done again and again, and at the end nothing is left of it", async () => {
  const { source, target, move } = system;
  const [before] = [await traces(target)];
  const writers = new Writers(source);
  for (const { name, run } of MOVE_STEPS) {
    await run(move, context());
    if (name === "open") writers.point(target);
  }
  await writers.more(40);
  await reverseMove(move, context());
  writers.point(source);
  await writers.more(40);
  expect(await audit(source, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  await reverseMove(reversed(move), context());
  writers.point(target);
  await writers.more(40);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await audit(target, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  await dropOld(move, context());
  await dropOld(move, context());
  for (const server of [source, target]) {
    expect(await traces(server)).toMatchObject({
      slots: [],
      publications: [],
      subscriptions: [],
      triggers: [],
      origins: [],
      roles: (before as { roles: string[] }).roles,
    });
  }
  expect(await rows(source, "select phase from ninefold.fence")).toEqual([{ phase: "all" }]);
  await asRole(target, target.owner, (client) => client.query("alter table accounts add column more int"));
});
