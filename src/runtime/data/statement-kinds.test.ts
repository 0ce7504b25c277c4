import fc from "fast-check";
import { type Kysely, sql } from "kysely";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { classify } from "./classify.ts";
import { harmlessFunctions, isHarmlessFunction, isRepeatableFunction } from "./functions.ts";
import { grammar, loadGrammar } from "./grammar.ts";
import { kyselyOn } from "./kysely.ts";
import { kindOfText } from "./parsed.ts";
import { isPlainRead } from "./plain-read.ts";
import { Statements } from "./statement.ts";
import { testServer } from "./testing.ts";
import { MORE_THAN_WRITES, NOT_READS, READS, SCHEMA, WRITES } from "./testing-statements.ts";

const server = testServer();
const never = () => Promise.reject(new Error("nothing is executed here"));
const db: Kysely<object> = kyselyOn<object>({ run: never, provide: never });
const compiled = (text: string) => sql.raw(text).compile(db);
const kindOf = (text: string) => classify(compiled(text).query, text, grammar);
let client: Client;

test("until the grammar is there, what only it can tell waits for it; then it is told anew", async () => {
  const statements = new Statements();
  const [plain, hard] = [compiled("select id from item where id = 1"), compiled("select id from item -- for update")];
  expect(statements.of(plain).kind).toBe("read");
  const early = statements.of(hard);
  expect(early).toMatchObject({ kind: "unknown", undecided: true });
  await loadGrammar();
  expect(statements.of(hard)).toMatchObject({ kind: "read", undecided: false });
  expect(statements.of(hard)).toBe(statements.of(hard));
  expect(statements.of(hard).name).not.toBe(early.name);
});

beforeAll(async () => {
  client = new Client({ connectionString: server.current.connectionString });
  await client.connect();
  await client.query(SCHEMA);
});
afterAll(() => client.end());

/** Executes a text in a transaction that is rolled back; any parameter is null. */
async function attempt(begin: string, text: string): Promise<void> {
  await client.query(begin);
  try {
    const count = new Set(text.match(/\$\d+/g) ?? []).size;
    await client.query({ text, values: Array.from({ length: count }, () => null) });
  } finally {
    await client.query("rollback");
  }
}

test.each(READS)("a read, and the server agrees: %s", async (text) => {
  await loadGrammar();
  expect(kindOf(text)).toBe("read");
  await attempt("begin read only", text);
});

test.each(NOT_READS)("not a read: %s", async (text) => {
  await loadGrammar();
  expect(kindOf(text)).toBe("unknown");
  expect(isPlainRead(text)).toBe(false);
});

test.each(WRITES)("a write and no more: %s", async (text) => {
  await loadGrammar();
  expect(kindOf(text)).toBe("write");
  await attempt("begin", text);
});

test.each(MORE_THAN_WRITES)("maybe more than a write: %s", async (text) => {
  await loadGrammar();
  expect(kindOf(text)).toBe("unknown");
});

test("there are enough of them", () => {
  expect(READS.length + NOT_READS.length).toBeGreaterThan(150);
});

test("every function that counts as harmless is one of PostgreSQL's own, and not volatile in any of its forms", async () => {
  const { rows } = await client.query<{ name: string; volatile: boolean }>(
    `select proname as name, bool_or(provolatile = 'v') as volatile from pg_proc
     where pronamespace = 'pg_catalog'::regnamespace group by proname`,
  );
  const volatile = new Map(rows.map((row) => [row.name, row.volatile]));
  expect(harmlessFunctions().filter((name) => volatile.get(name) !== false)).toEqual([]);
  const all = rows.filter((row) => row.volatile).map(({ name }) => name);
  expect(all.length).toBeGreaterThan(150);
  expect(all.filter(isHarmlessFunction)).toEqual([]);
  expect(all.filter((name) => kindOf(`select "${name}"()`) !== "unknown")).toEqual([]);
  expect(all.filter(isRepeatableFunction).sort()).toEqual(
    ["clock_timestamp", "currval", "gen_random_uuid", "nextval", "random", "timeofday"].sort(),
  );
});

/** Pieces that readings of SQL stumble over, put together at random. */
const PIECE = fc.constantFrom(
  ..."select|from|item|where|id|nextval|('s')|(|)|,|'|''|\"|\"a\"|$1|$a$|$$|::|:|.|lower|(name)|for|update|with|as|1|1e5|.5|;|--|/*|*/|\\|e'|u&'|é|[|]|=|pg_locks|into|union|values|/|*|\n| "
    .split("|")
    .concat(["|", "select 1", "x as (select 1)", "(select 1)", "delete from item", "numeric(1,2)"]),
);

test("the quick way never takes for a read what the grammar does not", async () => {
  await loadGrammar();
  const parse = grammar();
  if (parse === undefined) throw new Error("the grammar was loaded");
  let plain = 0;
  fc.assert(
    fc.property(fc.array(PIECE, { maxLength: 12 }), fc.constantFrom("", " "), (pieces, between) => {
      const text = `select ${pieces.join(between)}`;
      if (!isPlainRead(text)) return;
      plain++;
      expect(!parses(text) || kindOfText(text, parse) === "read").toBe(true);
    }),
    { numRuns: 30_000 },
  );
  expect(plain).toBeGreaterThan(100);

  function parses(text: string): boolean {
    try {
      return parse?.(text) !== undefined;
    } catch {
      return false;
    }
  }
});
