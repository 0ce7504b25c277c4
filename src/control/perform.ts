import type { Situation } from "../plan/situation.ts";
import type { Step, StepName, StepOf } from "../plan/step.ts";
import { databaseName } from "../plan/steps.ts";
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
  "inspect-release": { run: (world, { release }, topology) => world.inspect(release, topology) },
  "init-database": { run: (world, { instance, settings }) => world.initDatabase(instance, settings) },
  "start-database": {
    run: (world, { instance, settings }, _, context) => world.startDatabase(instance, settings, context),
    undo: (world, { instance }) => world.stopDatabase(instance),
  },
  "stop-database": {
    run: (world, { instance }) => world.stopDatabase(instance),
    undo: (world, { instance, settings }, _, context) => world.startDatabase(instance, settings, context),
  },
  "change-database": {
    run: (world, { instance, settings }, _, context) => world.startDatabase(instance, settings, context),
    undo: (world, { instance, from }, _, context) => world.startDatabase(instance, from, context),
  },
  "prepare-database": { run: (world, { instance, settings }) => world.prepareDatabase(instance, settings) },
  migrate: { run: (world, { release }, topology, context) => world.migrate(release, topology, context) },
  "publish-endpoints": { run: (world, _, topology) => world.publishEndpoints(databaseName(topology)) },
  "start-instance": {
    run: (world, step, topology, context) => world.startInstance(step, topology, context),
    undo: (world, { instance }) => world.stopInstance(instance),
  },
  "stop-instance": {
    run: (world, { instance }) => world.stopInstance(instance),
    undo: (world, step, topology, context) => world.startInstance(step, topology, context),
  },
  "destroy-data": { run: (world, { instance }) => world.destroyData(instance) },
};

/** Does a step; returns when its gate is open. Instances start with the topology that the plan goes to. */
export async function runStep(world: World, step: Step, way: Way, context: StepContext): Promise<void> {
  await actionOf(step).run(world, step, topologyOf(way.to, way.from), context);
}

/** Undoes a step, done or half done. Instances start again with the topology that the plan comes from. */
export async function undoStep(world: World, step: Step, way: Way, context: StepContext): Promise<void> {
  await actionOf(step).undo?.(world, step, topologyOf(way.from, way.to), context);
}

/** Whether undoing a step changes anything. */
export function canUndo(step: Step): boolean {
  return actionOf(step).undo !== undefined;
}

function actionOf(step: Step): Action<Step> {
  return ACTIONS[step.name] as Action<Step>;
}

function topologyOf(first: Situation, second: Situation): Topology {
  const topology = first.topology ?? second.topology;
  if (topology === undefined) throw new RangeError("a plan with steps has a topology on one of its sides");
  return topology;
}
