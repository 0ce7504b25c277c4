import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "../../machine/free-port.ts";
import { type TestMachine, testMachine } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import type { Engine, Placed } from "../engine.ts";
import { type EtcdSpec, etcdEngine, prepareEtcd } from "../etcd/index.ts";
import { systemPostgres } from "../packages.ts";
import { databasePasswords } from "../postgres/passwords.ts";
import { preparePatroniDatabase, writePatroniSecrets } from "./cluster.ts";
import { patroniEngine } from "./engine.ts";
import type { PatroniSpec } from "./spec.ts";

/** etcd and a member under Patroni on a machine of their own, run by a real agent as in the product. */
export interface TestMember extends AsyncDisposable {
  readonly system: TestMachine;
  readonly etcd: Placed<EtcdSpec>;
  readonly patroni: Placed<PatroniSpec>;
  /** Signed in over TCP, by default as the superuser of the database `postgres`. */
  connect(user?: "postgres" | "ninefold_owner" | "ninefold_service", database?: string): Promise<Client>;
  /** Fulfils with the milliseconds it took until the engine says that it is healthy. */
  healthy(which: "etcd" | "patroni"): Promise<number>;
  /** The process of an instance, or of PostgreSQL's server. */
  pid(which: "etcd" | "patroni" | "postgres"): Promise<number>;
  /** Starts both and prepares the database. */
  start(): Promise<void>;
}

export async function testMember(change: Partial<PatroniSpec> = {}): Promise<TestMember> {
  const system = await testMachine();
  const { machine } = system;
  const address = `127.${100 + Math.floor(Math.random() * 100)}.${Math.floor(Math.random() * 255)}.3`;
  const ports = new Set<number>();
  while (ports.size < 4) ports.add(await freePort(address));
  const [clientPort = 0, peerPort = 0, port = 0, restPort = 0] = ports;
  const { etcd: program, patroni: patroniProgram, ...postgres } = systemPostgres();
  const secrets = `${system.folder}/.ninefold/secrets`;
  const place = <Spec>(text: string, spec: Spec): Placed<Spec> => {
    const name = InstanceName.parse(text);
    return { name, spec, folder: machine.folder(name), sockets: machine.sockets(name) };
  };
  const etcd = place<EtcdSpec>("dc1.etcd.1", {
    program,
    address,
    clientPort,
    peerPort,
    members: [{ name: "dc1.etcd.1", address, peerPort }],
    token: "test",
    secrets: `${secrets}/etcd.json`,
  });
  const patroni = place<PatroniSpec>("dc1.db.1", {
    address,
    port,
    restPort,
    scope: "main",
    etcd: [{ address, port: clientPort }],
    binaries: { ...postgres, patroni: patroniProgram },
    maxConnections: 40,
    memoryMb: 128,
    database: "conduit",
    secrets: `${secrets}/database.json`,
    patroniSecrets: `${secrets}/patroni.json`,
    etcdSecrets: `${secrets}/etcd.json`,
    ...change,
  });
  const open: Client[] = [];
  const healthy = async (which: "etcd" | "patroni") => {
    const begun = performance.now();
    let last = "";
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(20)) {
      const health = await (which === "etcd" ? etcdEngine.health(etcd) : patroniEngine.health(patroni));
      if (health.healthy) return performance.now() - begun;
      last = health.says;
    }
    throw new Error(`${which} did not become healthy: ${last}`);
  };
  return {
    system,
    etcd,
    patroni,
    healthy,
    connect: async (user = "postgres", database = user === "postgres" ? "postgres" : patroni.spec.database) => {
      const password = (await databasePasswords(patroni.spec.secrets))[user];
      const client = new Client({ host: address, port, user, password, database });
      client.on("error", () => undefined); // tests kill servers
      await client.connect();
      open.push(client);
      return client;
    },
    pid: async (which) => {
      if (which === "postgres")
        return Number(readFileSync(join(patroni.folder, "data/postmaster.pid"), "utf8").split("\n")[0]);
      const name = which === "etcd" ? etcd.name : patroni.name;
      return (await machine.list()).find((instance) => instance.name === name)?.pid ?? 0;
    },
    start: async () => {
      await startEngine(system, etcdEngine, etcd);
      await healthy("etcd");
      await prepareEtcd(etcd);
      await writePatroniSecrets(machine, patroni);
      await startEngine(system, patroniEngine, patroni);
      await healthy("patroni");
      await preparePatroniDatabase(patroni);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.map((client) => client.end().catch(() => undefined)));
      await system[Symbol.asyncDispose]();
    },
  };
}

async function startEngine<Spec>({ machine }: TestMachine, engine: Engine<Spec>, placed: Placed<Spec>): Promise<void> {
  await machine.write(placed.name, engine.render(placed), "engine");
  await machine.start(placed.name, engine.command(placed));
}
