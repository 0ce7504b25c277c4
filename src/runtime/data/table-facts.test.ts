import { type Kysely, sql } from "kysely";
import { expect, test } from "vitest";
import { checkTableFacts } from "./index.ts";
import { openTestDatabase, testServer } from "./testing.ts";

const server = testServer();

test("every wrong fact is told at once, with its place and what to do", async () => {
  const database = openTestDatabase<never>(server.current);
  const db = database.db as unknown as Kysely<Record<string, Record<string, unknown>>>;
  try {
    await sql`create schema other;
      create table users (id bigint primary key, email text not null unique, name text, nick text);
      create unique index on users (lower(name));
      create unique index on users (nick) where nick <> '';
      create table follows (a bigint, b bigint, note text, primary key (a, b));
      create table other.things (id int, constraint only_one unique (id));
      create view looks as select 1 as id`.execute(db);
    const good = { users: { key: "id", unique: ["email"] }, follows: { key: "b" }, "other.things": { unique: ["id"] } };
    expect(await checkTableFacts(db, good)).toEqual([]);
    const problems = await checkTableFacts(db, {
      users: { key: "name", unique: ["email", "emial", "name", "nick"] },
      follows: { key: "a", unique: ["a"], everywhere: true },
      nowhere: { key: "id" },
      looks: { everywhere: true },
      "other.things": { uniqe: ["id"] } as never,
    });
    expect(problems.map(({ at }) => at)).toEqual([
      "tables.users.key",
      "tables.users.unique[1]",
      "tables.users.unique[2]",
      "tables.users.unique[3]",
      "tables.follows.everywhere",
      "tables.follows.unique[0]",
      "tables.nowhere",
      "tables.looks",
      "tables.other.things.uniqe",
    ]);
    expect(problems[1]).toMatchObject({ says: "the table has no column `emial`", fix: "did you mean `email`?" });
    expect(problems[3]?.fix).toContain("create unique index on users (nick)");
  } finally {
    await database.close();
  }
});
