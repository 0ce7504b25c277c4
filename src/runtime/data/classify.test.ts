import { type CompiledQuery, type Kysely, sql } from "kysely";
import { jsonArrayFrom, jsonBuildObject, jsonObjectFrom } from "kysely/helpers/postgres";
import { beforeAll, expect, test } from "vitest";
import { classify } from "./classify.ts";
import { grammar, loadGrammar } from "./grammar.ts";
import { kyselyOn } from "./kysely.ts";
import type { TestTables } from "./testing.ts";

const never = () => Promise.reject(new Error("nothing is executed here"));
const db: Kysely<TestTables> = kyselyOn<TestTables>({ run: never, provide: never });
const item = { id: 1, name: "a", amount: 1, made: null };
const select = db.selectFrom("item");
const kindOf = (query: { compile(): CompiledQuery }) => {
  const compiled = query.compile();
  return classify(compiled.query, compiled.sql, grammar);
};

beforeAll(loadGrammar);

test.each([
  ["select", select.selectAll()],
  ["where, order, limit", select.select("id").where("id", "in", [1, 2]).orderBy("id", "desc").limit(5).offset(2)],
  ["join", select.innerJoin("item as other", "other.id", "item.id").select("other.id")],
  ["aggregates", select.select((eb) => [eb.fn.countAll().as("n"), eb.fn.max("id").as("m")]).groupBy("name")],
  ["function", select.select((eb) => eb.fn<string>("lower", ["name"]).as("n"))],
  ["exists", select.select("id").where((eb) => eb.exists(eb.selectFrom("item as i").select("i.id")))],
  ["case", select.select((eb) => eb.case().when("id", "=", 1).then("x").else("y").end().as("c"))],
  [
    "read-only with",
    db
      .with("x", (q) => q.selectFrom("item").selectAll())
      .selectFrom("x")
      .selectAll(),
  ],
  ["union", select.select("id").union(db.selectFrom("item").select("id"))],
  ["distinct", select.select("name").distinct()],
  [
    "json helpers",
    select.select((eb) => [
      jsonArrayFrom(eb.selectFrom("item as i").select("i.id")).as("a"),
      jsonObjectFrom(eb.selectFrom("item as j").select("j.id")).as("b"),
      jsonBuildObject({ id: eb.ref("id") }).as("c"),
    ]),
  ],
  [
    "raw expression",
    select.select(sql<boolean>`exists (select 1 from item i where i.id = ${1} and i.name in (${"a"}))`.as("e")),
  ],
  ["raw cast", select.select(sql<string>`count(*)::int`.as("n")).where(sql<boolean>`"name" = 'for update (x)'`)],
])("%s is a read", (_, query) => {
  expect(kindOf(query)).toBe("read");
});

test.each([
  ["insert", db.insertInto("item").values(item)],
  [
    "upsert",
    db
      .insertInto("item")
      .values(item)
      .onConflict((c) => c.column("id").doUpdateSet({ amount: 2 })),
  ],
  ["insert returning", db.insertInto("item").values(item).returningAll()],
  ["update", db.updateTable("item").set({ amount: 1 }).where("id", "=", 1)],
  ["update with expression", db.updateTable("item").set((eb) => ({ amount: eb("amount", "+", 1) }))],
  ["delete", db.deleteFrom("item").where("id", "=", 1)],
  [
    "insert with a delete",
    db
      .with("gone", (q) => q.deleteFrom("item").returningAll())
      .insertInto("item")
      .values(item),
  ],
  [
    "select with a delete",
    db
      .with("gone", (q) => q.deleteFrom("item").returningAll())
      .selectFrom("gone")
      .selectAll(),
  ],
  ["sequence", db.insertInto("item").values({ ...item, amount: sql<number>`nextval('s')` })],
  ["default now", db.insertInto("item").values({ ...item, made: sql<Date>`now()` })],
])("%s is a write", (_, query) => {
  expect(kindOf(query)).toBe("write");
});

test.each([
  ["for update", select.selectAll().forUpdate()],
  ["for share skip locked", select.selectAll().forShare().skipLocked()],
  ["nextval", select.select((eb) => eb.fn("nextval", [sql.lit("s")]).as("n"))],
  ["function of the user", select.select((eb) => eb.fn("charge_card", ["id"]).as("n"))],
  ["raw call", select.select(sql`pg_advisory_lock(1)`.as("x"))],
  ["random", select.select((eb) => eb.fn("random", []).as("n"))],
  ["raw call with a schema", select.select(sql`own.lower(name)`.as("x"))],
  ["raw modifier", select.selectAll().modifyEnd(sql`for update`)],
  ["insert that calls", db.insertInto("item").values({ ...item, amount: sql<number>`charge_card(1)` })],
  ["create table", db.schema.createTable("x").addColumn("a", "integer")],
  ["explain", { compile: () => ({ query: { kind: "ExplainNode" } }) as never }],
  ["pieces that make a call together", select.select(sql`${sql.raw("nextval")}${sql.raw("('s')")}`.as("n"))],
  ["pieces that make a word together", select.selectAll().modifyEnd(sql`for upd${sql.raw("ate")}`)],
  ["a piece that opens a string", select.select(sql`'${sql.raw("', nextval('s'), '")}'`.as("n"))],
  ["a table of the server", db.selectFrom("pg_locks" as never).selectAll()],
  ["a table of Ninefold", db.withSchema("ninefold").selectFrom("item").selectAll()],
])("%s is unknown", (_, query) => {
  expect(kindOf(query as { compile(): CompiledQuery })).toBe("unknown");
});
