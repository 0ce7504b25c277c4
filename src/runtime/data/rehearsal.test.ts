import { sql } from "kysely";
import { beforeEach, expect, test } from "vitest";
import type { Database } from "./index.ts";
import { openTestDatabase, type TestTables, testServer } from "./testing.ts";

const server = testServer();

beforeEach(async () => {
  await using database = opened();
  await sql`drop table if exists item; create table item (id int primary key, name text not null)`.execute(database.db);
});

function opened() {
  const database = openTestDatabase(server.current, { connections: 2 });
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.close() });
}

const add = ({ db }: Pick<Database<TestTables>, "db">, id: number) =>
  db
    .insertInto("item")
    .values({ id, name: `${id}` } as never)
    .execute();
const ids = async ({ db }: Database<TestTables>) =>
  (await db.selectFrom("item").select("id").orderBy("id").execute()).map(({ id }) => id);

test("a rehearsal sees what it writes, and nothing of it stays", async () => {
  await using database = opened();
  await database.rehearse(async () => {
    await add(database, 1);
    await database.db.transaction().execute((trx) => add({ db: trx }, 2));
    const taken = database.db.transaction().execute(async (trx) => {
      await add({ db: trx }, 3);
      await add({ db: trx }, 1);
    });
    await expect(taken).rejects.toMatchObject({ code: "23505" });
    await sql`insert into item values (4, 'four')`.execute(database.db);
    await database.db.connection().execute((connection) => add({ db: connection }, 5));
    expect(await ids(database)).toEqual([1, 2, 4, 5]);
  });
  expect(await ids(database)).toEqual([]);
  await add(database, 1);
  expect(await ids(database)).toEqual([1]);
});

test("what belongs to no rehearsal is written meanwhile, and what is answered within one belongs to it", async () => {
  await using database = opened();
  const begun = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const rehearsed = database.rehearse(async () => {
    await add(database, 1);
    begun.resolve();
    await written.promise;
  });
  await begun.promise;
  await add(database, 2);
  expect(await ids(database)).toEqual([2]);
  written.resolve();
  await rehearsed;
  expect(await ids(database)).toEqual([2]);

  const requests: (() => Promise<unknown>)[] = [];
  const answering = (async () => {
    while (requests.length === 0) await new Promise(setImmediate);
    await requests[0]?.();
  })();
  await database.rehearse(async (within) => {
    requests.push(() => within(() => add(database, 3)));
    await answering;
  });
  expect(await ids(database)).toEqual([2]);
});

test("one that fails leaves nothing either, and what it did not wait for fails", async () => {
  await using database = opened();
  const over = Promise.withResolvers<void>();
  let late: Promise<unknown> | undefined;
  const rehearsed = database.rehearse(async () => {
    await add(database, 1);
    late = over.promise.then(() => add(database, 2));
    throw new Error("forgot the words");
  });
  await expect(rehearsed).rejects.toThrow("forgot the words");
  over.resolve();
  await expect(late).rejects.toThrow(/given back/);
  expect(await ids(database)).toEqual([]);
});
