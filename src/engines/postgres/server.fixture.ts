import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { type TestMachine, testMachine } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { postgresBinaries } from "./binaries.ts";
import { initCluster } from "./cluster.ts";
import { postgresEngine } from "./engine.ts";
import { databasePasswords } from "./passwords.ts";
import type { PostgresSpec } from "./spec.ts";

/** A server on a machine of its own, run by a real agent as in the product; for the tests of this folder. */
export interface TestServer extends AsyncDisposable {
  readonly system: TestMachine;
  readonly placed: Placed<PostgresSpec>;
  start(): Promise<void>;
  healthy(): Promise<void>;
  /** Signed in, by default as the superuser of the database `postgres`. */
  connect(user?: "postgres" | "ninefold_owner" | "ninefold_service", database?: string): Promise<Client>;
  pid(): Promise<number>;
}

export async function testServer(change: Partial<PostgresSpec> = {}): Promise<TestServer> {
  const system = await testMachine();
  const { machine } = system;
  const name = InstanceName.parse("dc1.db.1");
  const spec: PostgresSpec = {
    binaries: await postgresBinaries(),
    port: 5432,
    maxConnections: 30,
    memoryMb: 128,
    database: "conduit",
    secrets: `${system.folder}/.ninefold/secrets/database.json`,
    ...change,
  };
  const placed = { name, spec, folder: machine.folder(name), sockets: machine.sockets(name) };
  await initCluster(machine, placed);
  const open: Client[] = [];
  return {
    system,
    placed,
    start: () => machine.start(name, postgresEngine.command(placed)),
    healthy: async () => {
      let last = "";
      for (const deadline = Date.now() + 40_000; Date.now() < deadline; await delay(50)) {
        const health = await postgresEngine.health(placed);
        if (health.healthy) return;
        last = health.says;
      }
      throw new Error(`PostgreSQL did not become healthy: ${last}`);
    },
    connect: async (user = "postgres", database = user === "postgres" ? "postgres" : spec.database) => {
      const password = (await databasePasswords(spec.secrets))[user];
      const client = new Client({ host: placed.sockets, port: spec.port, user, password, database });
      client.on("error", () => undefined); // tests kill servers
      await client.connect();
      open.push(client);
      return client;
    },
    pid: async () => (await machine.list()).find((instance) => instance.name === name)?.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.map((client) => client.end().catch(() => undefined)));
      await system[Symbol.asyncDispose]();
    },
  };
}
