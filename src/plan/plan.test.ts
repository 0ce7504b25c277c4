import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryTopologyAt } from "../topology/arbitrary.ts";
import type { Topology } from "../topology/topology.ts";
import { allClusters, type Cluster, clusterKind, clusterName, clustersOf } from "./clusters.ts";
import { databaseSettings } from "./database-steps.ts";
import { serviceInstances } from "./members.ts";
import { applyStep, type Model, NOTHING, undoStep } from "./model/index.ts";
import { type Plan, planChange } from "./plan.ts";
import { etcdMembers, replicationOf } from "./replication.ts";
import { EMPTY, type Situation } from "./situation.ts";
import { ConnectionsExceeded } from "./steps.ts";

/** The world that a situation promises. */
function modelOf(situation: Situation, releases: readonly number[]): Model {
  const { topology, running } = situation;
  const clusters = clustersOf(situation);
  if (topology === undefined || clusters === undefined) return NOTHING;
  const names = allClusters(clusters).map((cluster) => clusterName(topology, cluster));
  const instances = serviceInstances(situation).map(({ instance }) => instance);
  const { serving, copy } = clusters;
  const generations = [serving.generation, copy?.generation ?? 0].sort();
  const kept = { data: new Set<string>(names), releases: new Set(releases) };
  const following = new Set(copy === undefined ? [] : [generations.join("_")]);
  if (!running) return { ...NOTHING, serving: clusterName(topology, serving), following, kept };
  return {
    sockets: new Set([`${topology.public.host}:${topology.public.port}`]),
    instances: new Set(instances),
    balancer: topology.balancer && new Set(instances.filter((name) => name.includes(".app."))),
    databases: new Map(names.map((name) => [name, databaseSettings(topology)])),
    serving: clusterName(topology, serving),
    etcd: new Set(etcdMembers(topology, clusters)),
    ...replicatedModel(topology, clusters),
    following,
    kept,
  };
}

function replicatedModel(topology: Topology, clusters: NonNullable<ReturnType<typeof clustersOf>>) {
  const name = (cluster: Cluster) => clusterName(topology, cluster);
  const all = allClusters(clusters).map((one) => [name(one), replicationOf(topology, clusters, one)] as const);
  return {
    standbys: new Map(all.map(([first, { standbys }]) => [first, new Set(standbys)])),
    replication: new Map(all.filter(([, { standbys }]) => standbys.length > 0)),
    leads: new Map(all.map(([first, { standbys }]) => [first, new Set([first, ...standbys])])),
    readers: new Set(replicationOf(topology, clusters, clusters.serving).standbys),
  };
}

function visible(model: Model) {
  const { sockets, instances, balancer, databases, serving, etcd, following, standbys, replication, readers } = model;
  return {
    sockets: [...sockets].sort(),
    instances: [...instances].sort(),
    balancer: balancer && [...balancer].sort(),
    databases: [...databases].sort(),
    // What serves is only known while something runs.
    ...(databases.size === 0 ? {} : { serving, following: [...following], readers: [...readers].sort() }),
    etcd: [...etcd].sort(),
    standbys: [...standbys].flatMap(([, names]) => [...names]).sort(),
    replication: [...replication],
  };
}

const topology = arbitraryTopologyAt(1, 2, 3, 4, 4);
const situation: fc.Arbitrary<Situation> = fc.oneof(
  fc.constant(EMPTY),
  fc
    .record({
      topology,
      release: fc.integer({ min: 1, max: 5 }),
      running: fc.boolean(),
      generation: fc.integer({ min: 1, max: 3 }),
      copied: fc.boolean(),
    })
    .map(({ generation, copied, ...runs }) => {
      const kind = clusterKind(runs.topology);
      const other = kind === "embedded" ? ("patroni" as const) : ("embedded" as const);
      const copy = copied ? { copy: { generation: generation === 1 ? 2 : generation - 1, kind: other } } : {};
      return { ...runs, clusters: { serving: { generation, kind }, ...copy } };
    }),
);
const change = fc.record({
  kind: fc.constantFrom("up", "apply", "climb", "descend", "scale", "deploy", "finish", "down", "undo"),
  topology: fc.option(topology, { nil: undefined }),
  running: fc.boolean(),
  code: fc.oneof(fc.constant("new" as const), fc.constant(undefined), fc.integer({ min: 1, max: 5 })),
});

/** Any sound change from any situation; undefined where the connections do not fit on the way. */
const planned = fc.tuple(situation, change).map(([from, wanted]) => {
  const running = wanted.running && wanted.topology !== undefined;
  const code = from.release === undefined ? undefined : wanted.code;
  const { kind, topology } = wanted;
  const asked = { kind, topology, from, running, nextRelease: 6, ...(code === undefined ? {} : { code }) };
  try {
    return planChange(asked);
  } catch (error) {
    if (error instanceof ConnectionsExceeded) return undefined;
    throw error;
  }
});

const KEPT = [1, 2, 3, 4, 5];

function run(plan: Plan, steps: number): Model {
  return plan.steps.slice(0, steps).reduce((model, step) => applyStep(model, step.do), modelOf(plan.from, KEPT));
}

describe("plans", () => {
  test("applied to what runs give what is wanted, from every situation to every other", () => {
    fc.assert(
      fc.property(planned, (plan) => {
        if (plan === undefined) return;
        expect(visible(run(plan, plan.steps.length))).toEqual(visible(modelOf(plan.to, KEPT)));
      }),
      { numRuns: 1_000 },
    );
  });

  test("undone after any step give what ran before, until the point of no return", () => {
    fc.assert(
      fc.property(planned, (plan) => {
        if (plan === undefined) return;
        for (let done = 0; done <= plan.steps.length; done++) {
          const steps = plan.steps.slice(0, done);
          if (steps.some((step) => step.pointOfNoReturn)) break;
          const back = steps.toReversed().reduce((model, step) => undoStep(model, step.do), run(plan, done));
          expect(visible(back)).toEqual(visible(modelOf(plan.from, KEPT)));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("never leave fewer servers than the smaller of before and after while the service runs", () => {
    fc.assert(
      fc.property(planned, (plan) => {
        if (plan === undefined || !plan.from.running || !plan.to.running) return;
        const least = Math.min(plan.from.topology!.app.servers, plan.to.topology!.app.servers);
        for (let done = 0; done <= plan.steps.length; done++) {
          const apps = [...run(plan, done).instances].filter((name) => name.includes(".app."));
          expect(apps.length).toBeGreaterThanOrEqual(least);
          expect(apps.length).toBeLessThanOrEqual(
            Math.max(plan.from.topology!.app.servers, plan.to.topology!.app.servers) + 1,
          );
        }
      }),
    );
  });

  test("never remove data unless the data is meant to be removed, and then last", () => {
    fc.assert(
      fc.property(planned, (plan) => {
        if (plan === undefined) return;
        const loss = plan.steps.findIndex((step) => step.risk === "loss");
        if (plan.to.topology !== undefined) expect(loss).toBe(-1);
        else if (loss >= 0) expect(loss).toBe(plan.steps.length - 1);
      }),
    );
  });

  test("to the same situation have no steps", () => {
    fc.assert(
      fc.property(situation, (from) => {
        const same = planChange({ kind: "up", from, topology: from.topology, running: from.running, nextRelease: 6 });
        expect(same.steps).toEqual([]);
      }),
    );
  });
});
