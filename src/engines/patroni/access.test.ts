import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ETCD_PATRONI, etcdPasswords, PATRONI_PREFIX } from "../etcd/index.ts";
import { jsonRequest } from "../json-request.ts";
import { databasePasswords } from "../postgres/passwords.ts";
import { type TestMember, testMember } from "./member.fixture.ts";
import { patroniPasswords } from "./passwords.ts";

let member: TestMember;
beforeAll(async () => {
  member = await testMember();
  await member.start();
}, 60_000);
afterAll(() => member[Symbol.asyncDispose]());

async function secrets(): Promise<string[]> {
  const { secrets: database, patroniSecrets, etcdSecrets } = member.patroni.spec;
  const all = await Promise.all([
    databasePasswords(database),
    patroniPasswords(patroniSecrets),
    etcdPasswords(etcdSecrets),
  ]);
  return all.flatMap((passwords) => Object.values(passwords));
}

test("passwords reach no log, no command line, no environment, and one file that only the engine reads", async () => {
  const words = await secrets();
  const holds = (text: string) => words.some((word) => text.includes(word));
  const where: string[] = [];
  for (const { folder } of [member.etcd, member.patroni]) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || path.includes("/data/")) continue;
      if (holds(readFileSync(path, "latin1"))) where.push(`${entry.name} ${(statSync(path).mode & 0o777).toString(8)}`);
    }
  }
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const file of ["cmdline", "environ"]) {
      const text = await readFileOrNothing(`/proc/${pid}/${file}`);
      if (holds(text)) where.push(`/proc/${file} of ${await readFileOrNothing(`/proc/${pid}/cmdline`)}`);
    }
  }
  // Patroni keeps the replication user's password in a file of libpq's, for the programs that it runs.
  expect(where.filter((one) => one !== "pgpass 600")).toEqual(["2-secrets.yml 600"]);
});

async function readFileOrNothing(path: string): Promise<string> {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // it ended meanwhile
  }
}

test("PostgreSQL lets nobody in without a password, over TCP or the socket, and does not listen elsewhere", async () => {
  const { patroni } = member;
  for (const host of [patroni.spec.address, patroni.sockets]) {
    const client = new Client({
      host,
      port: patroni.spec.port,
      user: "postgres",
      password: "wrong",
      database: "postgres",
    });
    await expect(client.connect()).rejects.toMatchObject({ code: "28P01" });
  }
  const elsewhere = new Client({ host: "127.0.0.1", port: patroni.spec.port, user: "postgres", database: "postgres" });
  await expect(elsewhere.connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("Patroni's REST API tells its state to all, and changes nothing without the password", async () => {
  const { address, restPort } = member.patroni.spec;
  const rest = (path: string, method: string) =>
    jsonRequest(`http://${address}:${restPort}${path}`, { method, body: {}, withinMs: 5_000 });
  expect((await jsonRequest(`http://${address}:${restPort}/patroni`, { withinMs: 5_000 })).status).toBe(200);
  for (const [path, method] of [
    ["/restart", "POST"],
    ["/reload", "POST"],
    ["/reinitialize", "POST"],
    ["/switchover", "POST"],
    ["/config", "PATCH"],
  ] as const) {
    expect([path, (await rest(path, method)).status]).toEqual([path, 401]);
  }
});

test("etcd refuses whoever has no password, and Patroni's user beyond its prefix", async () => {
  const { address, clientPort, secrets } = member.etcd.spec;
  const ask = (method: string, body: unknown, token?: string) =>
    jsonRequest(`http://${address}:${clientPort}/v3/${method}`, {
      method: "POST",
      body,
      headers: token === undefined ? {} : { authorization: token },
      withinMs: 5_000,
    });
  const key = (text: string) => ({ key: Buffer.from(text).toString("base64") });
  expect((await ask("kv/range", key(`${PATRONI_PREFIX}main/leader`))).status).toBe(400);
  const password = (await etcdPasswords(secrets))[ETCD_PATRONI];
  const { token } = (await ask("auth/authenticate", { name: ETCD_PATRONI, password })).body as { token: string };
  expect((await ask("kv/range", key(`${PATRONI_PREFIX}main/leader`), token)).body).toMatchObject({ count: "1" });
  expect((await ask("kv/range", key("/other"), token)).body).toMatchObject({ error: "etcdserver: permission denied" });
  expect((await ask("auth/user/list", {}, token)).body).toMatchObject({ error: "etcdserver: permission denied" });
});

test("the users of Patroni can do their own work only", async () => {
  const admin = await member.connect();
  const { rows } = await admin.query(
    "select rolname as role, rolsuper as super, rolreplication as replicates, rolcreaterole or rolcreatedb as creates from pg_roles where rolname like 'ninefold%' order by 1",
  );
  const plain = { super: false, replicates: false, creates: false };
  expect(rows).toEqual([
    { role: "ninefold_owner", ...plain },
    { role: "ninefold_replication", ...plain, replicates: true },
    { role: "ninefold_rewind", ...plain },
    { role: "ninefold_service", ...plain },
  ]);
});
