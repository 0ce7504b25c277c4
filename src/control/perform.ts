import type { Situation } from "../plan/situation.ts";
import type { Step, StepName, StepOf } from "../plan/step.ts";
import type { Topology } from "../topology/topology.ts";
import type { StepContext, World } from "./world.ts";

/** What a step is done within: where the plan comes from and where it goes. */
export interface Way {
  readonly from: Situation;
  readonly to: Situation;
}

interface Action<S extends Step> {
  readonly run: (world: World, step: S, topology: Topology, context: StepContext) => Promise<void>;
  /** Left out where what the step made is kept: data, secrets, releases and migrations never go backwards. */
  readonly undo?: (world: World, step: S, topology: Topology, context: StepContext) => Promise<void>;
}

const ACTIONS: { readonly [N in StepName]: Action<StepOf<N>> } = {
  "open-socket": {
    run: (world, step) => world.openSocket(step),
    undo: (world, step) => world.closeSocket(step),
  },
  "close-socket": {
    run: (world, step) => world.closeSocket(step),
    undo: (world, step) => world.openSocket(step),
  },
  "write-secrets": { run: (world) => world.writeSecrets() },
  "make-release": { run: (world, { release, from }) => world.makeRelease(release, from) },
  "inspect-release": {
    run: (world, { release, migrates }, topology, context) => world.inspect(release, topology, context, migrates),
  },
  "start-etcd": {
    run: (world, { instance, others = [] }, _, context) => world.startEtcd([instance, ...others], context),
    undo: (world, { instance, others = [] }) => world.stopEtcd([instance, ...others]),
  },
  "stop-etcd": {
    run: (world, { instance, others = [] }) => world.stopEtcd([instance, ...others]),
    undo: (world, { instance, others = [] }, _, context) => world.startEtcd([instance, ...others], context),
  },
  "add-etcd": {
    run: (world, { instance, others }) => world.addEtcd(instance, others),
    undo: (world, { instance, others }) => world.removeEtcd(instance, others),
  },
  "remove-etcd": {
    run: (world, { instance, others }) => world.removeEtcd(instance, others),
    undo: (world, { instance, others }) => world.addEtcd(instance, others),
  },
  "init-database": { run: (world, { instance, kind, settings }) => world.cluster(kind).init(instance, settings) },
  "start-database": {
    run: (world, { instance, kind, settings, replication }, _, context) =>
      world.cluster(kind).start(instance, settings, context, replication),
    undo: (world, { instance, kind, replication }) => world.cluster(kind).stop(instance, replication),
  },
  "stop-database": {
    run: (world, { instance, kind, replication }) => world.cluster(kind).stop(instance, replication),
    undo: (world, { instance, kind, settings, replication }, _, context) =>
      world.cluster(kind).start(instance, settings, context, replication),
  },
  "change-database": {
    run: (world, { instance, kind, from, settings, replication }, _, context) =>
      world.cluster(kind).change(instance, from, settings, context, replication),
    undo: (world, { instance, kind, from, settings, replication }, _, context) =>
      world.cluster(kind).change(instance, settings, from, context, replication),
  },
  "prepare-database": {
    run: (world, { instance, kind, settings, replication }) =>
      world.cluster(kind).prepare(instance, settings, replication),
  },
  migrate: { run: (world, { release, copy }, topology, context) => world.migrate(release, topology, context, copy) },
  "publish-endpoints": { run: (world, cluster) => world.publishEndpoints(cluster) },
  "add-standby": {
    run: (world, { instance, ...cluster }, _, context) => world.standbys(cluster).add(instance, context),
    undo: (world, { instance, ...cluster }) => world.standbys(cluster).remove(instance),
  },
  "remove-standby": {
    run: (world, { instance, ...cluster }) => world.standbys(cluster).remove(instance),
    undo: (world, { instance, ...cluster }, _, context) => world.standbys(cluster).add(instance, context),
  },
  "change-replication": {
    run: (world, { from, replication, ...cluster }) =>
      world.standbys({ ...cluster, replication: from }).change(replication),
    undo: (world, { from, ...cluster }) => world.standbys(cluster).change(from),
  },
  lead: { run: (world, { among, ...cluster }) => world.standbys(cluster).lead(among) },
  "publish-standbys": {
    run: (world, { cluster, replication }, _, context) =>
      world.publishStandbys({ instance: cluster, kind: "patroni", replication }, context),
    // Whoever does not hear of it finds the standbys gone, and reads from the primary.
    undo: (world, { cluster, from }) =>
      world.publishEndpoints({ instance: cluster, kind: "patroni", replication: from }),
  },
  "make-cluster": {
    run: async (world, { instance, kind, settings }, _, context) => {
      const cluster = world.cluster(kind);
      await cluster.init(instance, settings);
      await cluster.start(instance, settings, context);
      await cluster.prepare(instance, settings);
    },
    undo: (world, { instance, kind }) => world.cluster(kind).remove(instance),
  },
  "check-move": { run: (world, move, _, context) => world.move(move).check(context) },
  "copy-schema": {
    run: (world, move, _, context) => world.move(move).copySchema(context),
    undo: (world, move, _, context) => world.move(move).discard(context),
  },
  "copy-rows": { run: (world, move, _, context) => world.move(move).copyRows(context) },
  "finish-copy": { run: (world, move, _, context) => world.move(move).finish(context) },
  "verify-copy": { run: (world, move, _, context) => world.move(move).verify(context) },
  "cut-over": {
    run: (world, { forward, ...move }, _, context) => world.move(move).cutOver(forward, context),
    undo: (world, { forward, ...move }, _, context) => world.move(move).cutBack(forward, context),
  },
  "drop-copy": {
    run: async (world, { drops, ...move }, _, context) => {
      await world.move(move).drop(drops, context);
      const { instance, kind } = move[drops];
      await world.cluster(kind).remove(instance);
    },
  },
  "start-instance": {
    run: (world, step, topology, context) => world.startInstance(step, topology, context),
    undo: (world, { instance }) => world.stopInstance(instance),
  },
  "stop-instance": {
    run: (world, { instance }) => world.stopInstance(instance),
    undo: (world, step, topology, context) => world.startInstance(step, topology, context),
  },
  "start-balancer": {
    run: (world, { instance, servers }, topology, context) =>
      world.startBalancer(instance, servers, { topology, context }),
    undo: (world, { instance }) => world.stopBalancer(instance),
  },
  "stop-balancer": {
    run: (world, { instance }) => world.stopBalancer(instance),
    undo: (world, { instance, servers }, topology, context) =>
      world.startBalancer(instance, servers, { topology, context }),
  },
  "change-balancer": {
    run: (world, { instance, servers }, topology, context) =>
      world.startBalancer(instance, servers, { topology, context }),
    undo: (world, { instance, servers }, topology, context) =>
      world.startBalancer(instance, servers, { topology, context }),
  },
  "enter-balancer": {
    run: (world, { instance, server }, topology, context) =>
      world.enterBalancer(instance, server, { topology, context }),
    undo: (world, { instance, server }, topology, context) =>
      world.leaveBalancer(instance, server, { topology, context }),
  },
  "leave-balancer": {
    run: (world, { instance, server }, topology, context) =>
      world.leaveBalancer(instance, server, { topology, context }),
    undo: (world, { instance, server }, topology, context) =>
      world.enterBalancer(instance, server, { topology, context }),
  },
  "destroy-data": { run: (world) => world.destroyData() },
};

/** Does a step; returns when its gate is open. */
export async function runStep(world: World, step: Step, way: Way, context: StepContext): Promise<void> {
  await actionOf(step).run(world, step, topologyOf(step, way.to, way.from), context);
}

/** Undoes a step, done or half done. */
export async function undoStep(world: World, step: Step, way: Way, context: StepContext): Promise<void> {
  await actionOf(step).undo?.(world, step, topologyOf(step, way.from, way.to), context);
}

/** Whether undoing a step changes anything. */
export function canUndo(step: Step): boolean {
  return actionOf(step).undo !== undefined;
}

function actionOf(step: Step): Action<Step> {
  return ACTIONS[step.name] as Action<Step>;
}

/** The topology of the side that is gone to; but an instance runs with the settings that its release was made with. */
function topologyOf(step: Step, towards: Situation, other: Situation): Topology {
  const sides = "release" in step && step.release !== towards.release ? [other, towards] : [towards, other];
  const topology = sides[0]?.topology ?? sides[1]?.topology;
  if (topology === undefined) throw new RangeError("a plan with steps has a topology on one of its sides");
  return topology;
}
