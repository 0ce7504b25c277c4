import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { type TestMachine, testMachine, until } from "../../machine/local/testing.ts";
import type { Engine, Placed } from "../engine.ts";
import { type EtcdSpec, etcdEngine, prepareEtcd } from "../etcd/index.ts";
import { databasePasswords } from "../postgres/passwords.ts";
import { preparePatroniDatabase, writePatroniSecrets } from "./cluster.ts";
import { patroniEngine } from "./engine.ts";
import { changeReplication } from "./replication.ts";
import type { PatroniSpec, Replication } from "./spec.ts";
import { testPlaces } from "./testing-places.ts";
import { clusterView, leaderOf, type MemberView, memberNamed } from "./view.ts";

/** How much of the log of an instance that does not come up is shown. */
const LOG_LINES = 30;

type Member = Placed<PatroniSpec>;
type User = "postgres" | "ninefold_owner" | "ninefold_service";

/** Several members and etcds on a machine of their own, run by a real agent as in the product. */
export interface TestCluster extends AsyncDisposable {
  readonly system: TestMachine;
  readonly etcds: readonly Placed<EtcdSpec>[];
  readonly members: readonly Member[];
  startEtcds(number?: number): Promise<void>;
  /** Starts members of PostgreSQL, one after another, and waits until they are healthy. */
  startMembers(...members: readonly Member[]): Promise<void>;
  /** Starts all, replicating so. @returns the members with that in their specs */
  start(replication: Replication): Promise<readonly Member[]>;
  connect(member: Member, user?: User): Promise<Client>;
  view(): Promise<readonly MemberView[]>;
  leader(): Promise<Member>;
  healthy(member: Member, withinMs?: number): Promise<void>;
  /** The number of PostgreSQL's server. */
  postmaster(member: Member): number;
}

export async function testCluster(
  count: { readonly etcds: number; readonly members: number },
  spec: Partial<PatroniSpec> = {},
): Promise<TestCluster> {
  const system = await testMachine();
  const { machine } = system;
  const places = await testPlaces(
    count,
    `${system.folder}/.ninefold/secrets`,
    (name) => ({ folder: machine.folder(name), sockets: machine.sockets(name) }),
    spec,
  );
  const [founder] = places.members;
  if (founder === undefined) throw new Error("a cluster has members");
  const open: Client[] = [];
  const view = () => clusterView(places.members.map((member) => member.spec));

  const cluster: TestCluster = {
    system,
    ...places,
    view,
    startEtcds: async (number = count.etcds) => {
      const first = places.etcds.slice(0, number);
      for (const one of first) await startEngine(system, etcdEngine, one);
      for (const one of first) await becomesHealthy(etcdEngine, one);
      for (const one of first.slice(0, 1)) await prepareEtcd(one);
    },
    startMembers: async (...members) => {
      for (const member of members) {
        await writePatroniSecrets(machine, member);
        await startEngine(system, patroniEngine, member);
      }
      for (const member of members) await becomesHealthy(patroniEngine, member);
    },
    start: async (replication) => {
      await cluster.startEtcds();
      await cluster.startMembers(founder);
      await preparePatroniDatabase(founder);
      await cluster.startMembers(...places.members.slice(1));
      await changeReplication(machine, places.members, replication);
      return places.members.map((member) => ({ ...member, spec: { ...member.spec, replication } }));
    },
    connect: async ({ spec }, user = "postgres") => {
      const password = (await databasePasswords(spec.secrets))[user];
      const database = user === "postgres" ? "postgres" : spec.database;
      const client = new Client({ host: spec.address, port: spec.port, user, password, database });
      client.on("error", () => undefined); // tests kill servers
      await client.connect();
      open.push(client);
      return client;
    },
    leader: async () => memberNamed(places.members, leaderOf(await view())),
    healthy: (member, withinMs) => becomesHealthy(patroniEngine, member, withinMs),
    postmaster: ({ folder }) => Number(readFileSync(join(folder, "data/postmaster.pid"), "utf8").split("\n")[0]),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.map((client) => client.end().catch(() => undefined)));
      await system[Symbol.asyncDispose]();
    },
  };
  return cluster;
}

async function startEngine<Spec>({ machine }: TestMachine, engine: Engine<Spec>, placed: Placed<Spec>): Promise<void> {
  await machine.write(placed.name, engine.render(placed), "engine");
  await machine.start(placed.name, engine.command(placed));
}

async function becomesHealthy<Spec>(engine: Engine<Spec>, placed: Placed<Spec>, withinMs = 60_000): Promise<void> {
  let last = "";
  const healthy = async () => {
    const health = await engine.health(placed);
    if (!health.healthy) last = health.says;
    return health.healthy;
  };
  await until(`${placed.name} is healthy`, healthy, withinMs).catch((cause: Error) => {
    const log = readFileSync(join(placed.folder, "log"), "utf8").trimEnd().split("\n").slice(-LOG_LINES);
    throw new Error(`${cause.message}: ${last}; it says\n${log.join("\n")}`);
  });
}
