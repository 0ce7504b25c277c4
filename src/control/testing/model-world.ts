import { setImmediate } from "node:timers/promises";
import { membersOf } from "../../plan/replication.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { ClusterRef } from "../clusters/cluster.ts";
import { StepFailed } from "../problem.ts";
import type { MoveActions, StandbyActions, World } from "../world.ts";

/** The control plane was killed here: nothing after it happens. */
export class Killed extends Error {}

/** State of {@link modelWorld}: it outlives the control plane, as the machine does. */
export interface WorldState {
  readonly sockets: Set<string>;
  /** Running instances; a database with its settings, a balancer with its servers, as text. */
  readonly instances: Map<string, string>;
  readonly releases: Set<number>;
  readonly migrated: Set<number>;
  /** Clusters with a data folder, those with roles, the one that the service is told of, and moves whose sides follow each other. */
  readonly data: Set<string>;
  readonly prepared: Set<string>;
  readonly following: Set<string>;
  /** Clusters with the standbys that commits wait for, their present primaries, and the standbys that the service reads from. */
  readonly replication: Map<string, string>;
  readonly leads: Map<string, string>;
  readers: readonly string[];
  serving: string | undefined;
  secrets: boolean;
  /** Acts so far, for counting crashes. */
  acts: number;
}

export function emptyWorld(): WorldState {
  return {
    sockets: new Set(),
    instances: new Map(),
    releases: new Set(),
    migrated: new Set(),
    data: new Set(),
    prepared: new Set(),
    following: new Set(),
    replication: new Map(),
    leads: new Map(),
    readers: [],
    serving: undefined,
    secrets: false,
    acts: 0,
  };
}

export interface Faults {
  /** Called before and after each change of the world; throws {@link Killed} to die there. */
  readonly at?: (act: number) => void;
  /** Makes an action fail: its name and what it acts on. */
  readonly fails?: (action: string) => boolean;
}

/** Processes of the service wait for what steps beside theirs make; what nobody makes is not waited for. */
async function inTheMaking(made: () => boolean, signal: AbortSignal): Promise<void> {
  for (let looks = 0; looks < 100 && !made(); looks++) {
    signal.throwIfAborted();
    await setImmediate();
  }
}

/** A world in memory, for tests of the reconciler: each action is refused where the real one would be. */
export function modelWorld(state: WorldState, { at = () => {}, fails = () => false }: Faults = {}): World {
  async function act(action: string, change: () => void): Promise<void> {
    at(state.acts++);
    if (fails(action)) throw new StepFailed("model", { at: action, says: "it was made to fail", fix: "none" });
    change();
    at(state.acts++);
  }
  function need(condition: boolean, says: string): void {
    if (!condition) throw new StepFailed("model-impossible", { at: "world", says, fix: "none" });
  }
  function serversOf(balancer: string) {
    const servers = new Set((state.instances.get(balancer) ?? "").split(" ").filter((name) => name !== ""));
    const listed = () => [...servers].sort().join(" ");
    return {
      add: (name: string) => {
        servers.add(name);
        return listed();
      },
      without: (name: string) => {
        servers.delete(name);
        return listed();
      },
    };
  }
  function publish({ instance, replication }: ClusterRef): void {
    // Where nobody runs who would be told, it may come before the cluster.
    const told = [...state.instances.keys()].some((name) => /\.(app|worker)\./.test(name));
    for (const one of membersOf(instance, replication)) need(!told || state.instances.has(one), `${one} does not run`);
    state.serving = instance;
    state.readers = replication?.standbys ?? [];
  }
  return {
    openSocket: ({ host, port }) => act("open-socket", () => state.sockets.add(`${host}:${port}`)),
    closeSocket: ({ host, port }) => act("close-socket", () => state.sockets.delete(`${host}:${port}`)),
    writeSecrets: () =>
      act("write-secrets", () => {
        state.secrets = true;
      }),
    makeRelease: (release, from) =>
      act("make-release", () => {
        need(from === "folder" || state.releases.has(from), `release ${from} is missing`);
        state.releases.add(release);
      }),
    inspect: (release) => act("inspect-release", () => need(state.releases.has(release), "no release")),
    startEtcd: (names) =>
      act("start-etcd", () => {
        for (const name of names) state.instances.set(name, "");
      }),
    stopEtcd: (names) =>
      act("stop-etcd", () => {
        for (const name of names) state.instances.delete(name);
      }),
    addEtcd: (name, others) =>
      act(`add-etcd ${name}`, () => {
        for (const one of others) need(state.instances.has(one), `${one} does not run`);
        state.instances.set(name, "");
      }),
    removeEtcd: (name, others) =>
      act(`remove-etcd ${name}`, () => {
        for (const one of others) need(state.instances.has(one), `${one} does not run`);
        state.instances.delete(name);
      }),
    standbys: ({ cluster, settings, replication }): StandbyActions => {
      const waited = () => state.replication.get(cluster) ?? "";
      const lead = (among: readonly string[]) => {
        const leader = state.leads.get(cluster) ?? cluster;
        if (!among.includes(leader)) state.leads.set(cluster, among[0] ?? cluster);
      };
      return {
        add: (name) =>
          act(`add-standby ${name}`, () => {
            need(state.instances.has(cluster), `${cluster} does not run`);
            state.data.add(name);
            state.instances.set(name, JSON.stringify(settings));
          }),
        remove: (name) =>
          act(`remove-standby ${name}`, () => {
            need(!waited().split(" ").includes(name), `commits wait for ${name}`);
            need(!state.readers.includes(name), `${name} is read from`);
            lead([cluster, ...replication.standbys.filter((one) => one !== name)]);
            for (const set of [state.instances, state.data]) set.delete(name);
          }),
        change: (next) =>
          act("change-replication", () => {
            for (const one of next.standbys) need(state.instances.has(one), `${one} does not run`);
            lead([cluster, ...next.standbys]);
            state.replication.set(cluster, next.standbys.join(" "));
            // Nothing hinders a failover now: the last one leads from here on.
            state.leads.set(cluster, next.standbys.at(-1) ?? cluster);
          }),
        lead: (among) => act("lead", () => lead(among)),
        view: async () => [],
        switchover: async (to) => ({ from: cluster, to: to ?? cluster }),
      };
    },
    cluster: (kind) => ({
      init: (name) =>
        act(`init-database ${name}`, () => {
          need(state.secrets, "no secrets");
          state.data.add(name);
        }),
      start: (name, settings, _, replication) =>
        act(`start-database ${name}`, () => {
          need(state.data.has(name), "no data");
          need(kind === "embedded" || [...state.instances.keys()].some((one) => one.includes(".etcd.")), "no etcd");
          for (const one of membersOf(name, replication)) {
            need(state.data.has(one), `no data of ${one}`);
            state.instances.set(one, JSON.stringify(settings));
          }
        }),
      change: (name, _, settings, __, replication) =>
        act(`change-database ${name}`, () => {
          for (const one of membersOf(name, replication)) state.instances.set(one, JSON.stringify(settings));
        }),
      stop: (name, replication) =>
        act(`stop-database ${name}`, () => {
          for (const one of membersOf(name, replication)) state.instances.delete(one);
        }),
      prepare: (name) =>
        act(`prepare-database ${name}`, () => {
          need(state.instances.has(name), "no database");
          state.prepared.add(name);
        }),
      remove: (name) =>
        act(`remove-cluster ${name}`, () => {
          need(state.serving !== name, `${name} serves`);
          for (const set of [state.instances, state.data, state.prepared]) set.delete(name);
        }),
      health: async () => ({ healthy: true, details: {} }),
      addresses: async (name) => ({ primary: { name, host: name, port: 5432, database: "service" }, standbys: [] }),
    }),
    migrate: async (release, _topology, { signal }) => {
      const prepared = () => state.serving !== undefined && state.prepared.has(state.serving);
      await inTheMaking(prepared, signal);
      return act("migrate", () => {
        need(prepared(), "no database");
        need(state.releases.has(release), "no release");
        state.migrated.add(release);
      });
    },
    publishEndpoints: (cluster) => act("publish-endpoints", () => publish(cluster)),
    publishStandbys: (cluster) => act("publish-standbys", () => publish(cluster)),
    move: ({ id, source, target }): MoveActions => {
      const both = () =>
        need(
          [source, target].every(({ instance }) => state.instances.has(instance)),
          "a side is missing",
        );
      const turn = (forward: boolean) => {
        both();
        need(state.following.has(id), "nothing follows");
        const [before, after] = forward ? [source, target] : [target, source];
        need(state.serving === before.instance || state.serving === after.instance, "another cluster serves");
        for (const { instance } of [source, target])
          need((state.leads.get(instance) ?? instance) === instance, `${instance} does not lead its cluster`);
        state.serving = after.instance;
      };
      return {
        check: () => act("check-move", both),
        copySchema: () => act("copy-schema", both),
        copyRows: () =>
          act("copy-rows", () => {
            both();
            state.following.add(id);
          }),
        finish: () => act("finish-copy", both),
        verify: () => act("verify-copy", () => need(state.following.has(id), "nothing follows")),
        cutOver: (forward) => act("cut-over", () => turn(forward)),
        cutBack: (forward) => act("cut-back", () => turn(!forward)),
        discard: () => act("discard-copy", () => state.following.delete(id)),
        drop: () => act("drop-copy", () => state.following.delete(id)),
      };
    },
    startBalancer: (name, servers) =>
      act("start-balancer", () => {
        for (const server of servers) need(state.instances.has(server), `${server} is missing`);
        state.instances.set(name, [...servers].sort().join(" "));
      }),
    stopBalancer: (name) => act("stop-balancer", () => state.instances.delete(name)),
    enterBalancer: (name, server) =>
      act(`enter-balancer ${server}`, () => {
        need(state.instances.has(server), `${server} is missing`);
        state.instances.set(name, serversOf(name).add(server));
      }),
    leaveBalancer: (name, server) =>
      act(`leave-balancer ${server}`, () => state.instances.set(name, serversOf(name).without(server))),
    startInstance: async ({ instance, release }, _topology, { signal }) => {
      const runs = () => state.serving !== undefined && state.instances.has(state.serving);
      await inTheMaking(runs, signal);
      return act(`start-instance ${instance}`, () => {
        need(state.releases.has(release), `release ${release} is missing`);
        need(state.sockets.size > 0, "no socket");
        need(runs(), "no database");
        state.instances.set(instance, "");
      });
    },
    stopInstance: (name) =>
      act(`stop-instance ${name}`, () => {
        for (const [balancer, servers] of state.instances) {
          if (balancer.includes(".balancer."))
            need(!servers.split(" ").includes(name), `${name} is still behind ${balancer}`);
        }
        state.instances.delete(name);
      }),
    destroyData: () =>
      act("destroy-data", () => {
        for (const set of [state.replication, state.leads, state.data, state.prepared, state.releases, state.following])
          set.clear();
        state.serving = undefined;
      }),
    instances: async () => [...state.instances.keys()] as InstanceName[],
    writeBack: async () => {},
    keep: async (_, releases) => {
      for (const release of state.releases) if (!releases.has(release)) state.releases.delete(release);
    },
  };
}
