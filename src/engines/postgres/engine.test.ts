import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initCluster, prepareDatabase } from "./cluster.ts";
import { postgresEngine } from "./engine.ts";
import { databasePasswords } from "./passwords.ts";
import { type TestServer, testServer } from "./server.fixture.ts";

let server: TestServer;

beforeAll(async () => {
  server = await testServer();
  await server.start();
  await server.healthy();
  await prepareDatabase(server.placed);
});
afterAll(() => server[Symbol.asyncDispose]());

test("runs with the settings of its file, durable and with checksums, and reachable over its socket only", async () => {
  const client = await server.connect();
  const errors = await client.query("select name, error from pg_file_settings where error is not null or not applied");
  expect(errors.rows).toEqual([]);
  const names =
    "fsync synchronous_commit full_page_writes wal_level data_checksums jit listen_addresses max_connections";
  const { rows } = await client.query("select name, setting from pg_settings where name = any($1)", [names.split(" ")]);
  expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).toEqual({
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    wal_level: "logical",
    data_checksums: "on",
    jit: "off",
    listen_addresses: "",
    max_connections: "30",
  });
});

test("health tells the version and a position, and refuses to guess", async () => {
  const health = await postgresEngine.health(server.placed);
  expect(health).toMatchObject({ healthy: true, details: { version: expect.stringMatching(/^15\./) } });
  const elsewhere = { ...server.placed, sockets: server.system.folder };
  expect(await postgresEngine.health(elsewhere)).toMatchObject({
    healthy: false,
    says: expect.stringMatching(/^not running/),
  });
  const secrets = join(server.system.folder, "other.json");
  const stranger = { ...server.placed, spec: { ...server.placed.spec, secrets } };
  expect(await postgresEngine.health(stranger)).toMatchObject({ says: expect.stringContaining("refuses") });
});

test("the service reads and writes rows of what the owner makes, then and later, and nothing more", async () => {
  const owner = await server.connect("ninefold_owner");
  await owner.query("create table articles (id bigint generated always as identity primary key, title text)");
  await owner.query("create sequence tickets");
  await owner.query("create function twice(n int) returns int language sql as 'select 2 * n'");
  const service = await server.connect("ninefold_service");
  await service.query("insert into articles (title) values ('one')");
  await service.query("update articles set title = 'two'");
  expect((await service.query("select title from articles")).rows).toEqual([{ title: "two" }]);
  expect((await service.query("select twice(2), nextval('tickets')")).rows).toEqual([{ twice: 4, nextval: "1" }]);
  await service.query("delete from articles");
  const forbidden = [
    "create table mine ()",
    "create schema mine",
    "alter table articles add column more text",
    "drop table articles",
    "truncate articles",
    "create role other",
    "create database other",
    "alter role ninefold_service superuser",
    "select * from pg_authid",
    "set role ninefold_owner",
    "copy articles to '/tmp/out'",
  ];
  for (const statement of forbidden) {
    await expect(service.query(statement), statement).rejects.toThrow(/permission denied|must be (owner|superuser)/);
  }
});

test("preparing again changes nothing, and repairs what was changed", async () => {
  const admin = await server.connect();
  await admin.query("alter role ninefold_service superuser createrole password 'something else'");
  await prepareDatabase(server.placed);
  await prepareDatabase(server.placed);
  const service = await server.connect("ninefold_service");
  const { rows } = await service.query("select rolsuper, rolcreaterole from pg_roles where rolname = current_user");
  expect(rows).toEqual([{ rolsuper: false, rolcreaterole: false }]);
});

test("whoever signs in finds all that there is to find: a new role may not before", async () => {
  const client = await server.connect("postgres", server.placed.spec.database);
  const canSignIn = async () => {
    const { rows } = await client.query("select rolcanlogin from pg_roles where rolname like 'ninefold_%'");
    return rows.map(({ rolcanlogin }) => rolcanlogin);
  };
  await client.query("alter role ninefold_owner nologin; alter role ninefold_service nologin"); // as they are made
  await client.query(
    "drop function ninefold.member_state(); create function ninefold.member_state() returns int return 1",
  );
  await expect(prepareDatabase(server.placed)).rejects.toThrow("cannot prepare the database");
  expect(await canSignIn()).toEqual([false, false]);
  await client.query("drop function ninefold.member_state()");
  await prepareDatabase(server.placed);
  expect(await canSignIn()).toEqual([true, true]);
});

test("passwords reach neither the log nor a file of the instance", async () => {
  const admin = await server.connect();
  await admin.query("alter system set log_statement = 'all'");
  await admin.query("select pg_reload_conf()");
  await admin.query("select pg_sleep(0.2)");
  await prepareDatabase(server.placed);
  const log = readFileSync(join(server.placed.folder, "log"), "utf8");
  expect(log).toContain("alter role ninefold_service"); // the log does hold the statements
  const files = ["log", ...postgresEngine.render(server.placed).keys()];
  for (const password of Object.values(await databasePasswords(server.placed.spec.secrets))) {
    for (const file of files) expect(readFileSync(join(server.placed.folder, file), "utf8")).not.toContain(password);
  }
  expect(existsSync(join(server.placed.folder, "password"))).toBe(false);
});

test("a cluster is made once, and one that was cut short is made anew", async () => {
  const { placed, system } = server;
  const version = join(placed.folder, "data", "global", "pg_control");
  const before = readFileSync(version).subarray(0, 8);
  await initCluster(system.machine, placed);
  expect(readFileSync(version).subarray(0, 8)).toEqual(before); // the system identifier of the same cluster

  const name = `${placed.name.slice(0, -1)}2` as typeof placed.name;
  const second = { ...placed, name, folder: system.machine.folder(name), sockets: system.machine.sockets(name) };
  await system.machine.write(name, new Map([["data.new/half", ""]]), "engine");
  await initCluster(system.machine, second);
  expect(existsSync(join(second.folder, "data", "PG_VERSION"))).toBe(true);
  expect(existsSync(join(second.folder, "data", "half"))).toBe(false);
});

test("a changed spec needs a restart, an equal one nothing", async () => {
  const { placed } = server;
  expect(await postgresEngine.change(placed, { ...placed.spec })).toBe("changed");
  expect(await postgresEngine.change(placed, { ...placed.spec, maxConnections: 50 })).toBe("restart");
});

test("preparing again gives a fenced database back to nobody, and the service may read the fence but not lift it", async () => {
  const admin = await server.connect("postgres", "conduit");
  const service = await server.connect("ninefold_service");
  await admin.query("create table public.fenced (id int primary key)");
  await admin.query("insert into ninefold.fence values (true, 'writes', now())");
  await prepareDatabase(server.placed);
  await expect(service.query("insert into fenced values (1)")).rejects.toThrow("permission denied");
  expect((await service.query("select phase from ninefold.fence")).rows).toEqual([{ phase: "writes" }]);
  await expect(service.query("delete from ninefold.fence")).rejects.toThrow("permission denied");
  await admin.query("delete from ninefold.fence");
  await prepareDatabase(server.placed);
  await service.query("insert into fenced values (1)");
});
