import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryTopologyAt } from "../topology/arbitrary.ts";
import { NotBuilt, presetForRung, RUNGS } from "../topology/rung.ts";
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

const embedded = { generation: 1, kind: "embedded" } as const;
const patroni = { generation: 2, kind: "patroni" } as const;

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

  test("tell of each step what it does, its gate and its undo", () => {
    const { steps } = planChange({
      kind: "up",
      from: EMPTY,
      topology: presetForRung(1),
      running: true,
      nextRelease: 1,
    });
    for (const step of steps) {
      expect(step.says).not.toBe("");
      expect(step.gate).not.toBe("");
      expect(step.undo).not.toBe("");
      expect(step.expectedMs).toBeGreaterThan(0);
    }
    expect(steps.map((step) => step.do.name)).toEqual([
      "open-socket",
      "write-secrets",
      "make-release",
      "inspect-release",
      "publish-endpoints",
      "init-database",
      "start-database",
      "prepare-database",
      "migrate",
      "start-instance",
      "start-instance",
    ]);
  });

  const on = (topology: Topology, release = 1): Situation => ({ topology, release, running: true });
  const with_ = (input: Parameters<typeof presetForRung>[1]) => presetForRung(1, input);

  test.each<[string, Situation, Parameters<typeof planChange>[0], string[]]>([
    [
      "a deploy rolls one by one, workers last",
      on(with_({ app: { servers: 2 } })),
      {
        kind: "deploy",
        from: on(with_({ app: { servers: 2 } })),
        topology: with_({ app: { servers: 2 } }),
        running: true,
        code: "new",
        nextRelease: 2,
      },
      [
        "make-release",
        "inspect-release",
        "migrate",
        "start-instance dc1.app.1@2",
        "stop-instance dc1.app.1@1",
        "start-instance dc1.app.2@2",
        "stop-instance dc1.app.2@1",
        "start-instance dc1.worker.1@2",
        "stop-instance dc1.worker.1@1",
      ],
    ],
    [
      "scaling starts only what is missing",
      on(with_({})),
      { kind: "scale", from: on(with_({})), topology: with_({ app: { servers: 3 } }), running: true, nextRelease: 2 },
      ["start-instance dc1.app.2@1", "start-instance dc1.app.3@1"],
    ],
    [
      "fewer connections are taken away only after the pools have shrunk",
      on(with_({ app: { connections: 20 } })),
      {
        kind: "apply",
        from: on(with_({ app: { connections: 20 } })),
        topology: with_({ app: { connections: 5 }, databases: { main: { maxConnections: 50 } } }),
        running: true,
        nextRelease: 2,
      },
      [
        "make-release",
        "start-instance dc1.app.1@2",
        "stop-instance dc1.app.1@1",
        "start-instance dc1.worker.1@2",
        "stop-instance dc1.worker.1@1",
        "change-database dc1.db.1",
      ],
    ],
    [
      "another port is open before the old one closes",
      on(with_({})),
      {
        kind: "apply",
        from: on(with_({})),
        topology: with_({ public: { port: 9000 } }),
        running: true,
        nextRelease: 2,
      },
      [
        "open-socket",
        "make-release",
        "start-instance dc1.app.1@2",
        "stop-instance dc1.app.1@1",
        "start-instance dc1.worker.1@2",
        "stop-instance dc1.worker.1@1",
        "close-socket",
      ],
    ],
    [
      "a climb to rung 3 moves the database, then puts the servers behind the balancer one by one",
      on(with_({ app: { servers: 2 } })),
      {
        kind: "climb",
        from: on(with_({ app: { servers: 2 } })),
        topology: presetForRung(3),
        running: true,
        nextRelease: 2,
      },
      [
        "make-release",
        "start-etcd dc1.etcd.1",
        "make-cluster dc1.db-2.1",
        "check-move",
        "copy-schema",
        "copy-rows",
        "finish-copy",
        "verify-copy",
        "cut-over",
        "start-instance dc1.app.1@2",
        "start-balancer dc1.balancer.1",
        "stop-instance dc1.app.1@1",
        "start-instance dc1.app.2@2",
        "enter-balancer dc1.balancer.1",
        "stop-instance dc1.app.2@1",
        "start-instance dc1.worker.1@2",
        "stop-instance dc1.worker.1@1",
      ],
    ],
    [
      "a descent while the cluster of before follows needs no copy",
      { ...on(presetForRung(2)), clusters: { serving: patroni, copy: embedded } },
      {
        kind: "descend",
        from: { ...on(presetForRung(2)), clusters: { serving: patroni, copy: embedded } },
        topology: presetForRung(1),
        running: true,
        nextRelease: 2,
      },
      ["verify-copy", "cut-over"],
    ],
    [
      "a climb to rung 4 makes standbys before commits wait for them, and lets them be read last",
      { ...on(presetForRung(3)), clusters: { serving: patroni } },
      {
        kind: "climb",
        from: { ...on(presetForRung(3)), clusters: { serving: patroni } },
        topology: presetForRung(4),
        running: true,
        nextRelease: 2,
      },
      [
        "add-etcd dc1.etcd.2",
        "add-etcd dc1.etcd.3",
        "add-standby dc1.db-2.2",
        "add-standby dc1.db-2.3",
        "change-replication",
        "publish-standbys",
      ],
    ],
    [
      "a descent from rung 4 lets the first member lead before anything leaves",
      { ...on(presetForRung(4)), clusters: { serving: patroni } },
      {
        kind: "descend",
        from: { ...on(presetForRung(4)), clusters: { serving: patroni } },
        topology: presetForRung(3),
        running: true,
        nextRelease: 2,
      },
      [
        "lead",
        "publish-standbys",
        "change-replication",
        "remove-standby dc1.db-2.3",
        "remove-standby dc1.db-2.2",
        "remove-etcd dc1.etcd.3",
        "remove-etcd dc1.etcd.2",
      ],
    ],
    [
      "standbys that are held behind differently stay as they are",
      { ...on(presetForRung(4)), clusters: { serving: patroni } },
      {
        kind: "apply",
        from: { ...on(presetForRung(4)), clusters: { serving: patroni } },
        topology: presetForRung(4, { databases: { main: { lagMs: 500 } } }),
        running: true,
        nextRelease: 2,
      },
      ["change-replication"],
    ],
    [
      "to finish removes the cluster of before",
      { ...on(presetForRung(1)), clusters: { serving: embedded, copy: patroni } },
      {
        kind: "finish",
        from: { ...on(presetForRung(1)), clusters: { serving: embedded, copy: patroni } },
        topology: presetForRung(1),
        running: true,
        nextRelease: 2,
      },
      ["drop-copy", "stop-etcd dc1.etcd.1"],
    ],
    [
      "going back to a kept release runs no migrations",
      on(with_({}), 2),
      { kind: "undo", from: on(with_({}), 2), topology: with_({}), running: true, code: 1, nextRelease: 3 },
      [
        "start-instance dc1.app.1@1",
        "stop-instance dc1.app.1@2",
        "start-instance dc1.worker.1@1",
        "stop-instance dc1.worker.1@2",
      ],
    ],
  ])("%s", (_, __, wanted, steps) => {
    const plan = planChange(wanted);
    expect(
      plan.steps.map(({ do: step }) => ("instance" in step ? `${step.name} ${step.instance}` : step.name)),
    ).toEqual(steps);
  });

  test("rungs that are not built are refused by the planner", () => {
    for (const rung of RUNGS.slice(4)) {
      const wanted = {
        kind: "apply",
        from: EMPTY,
        topology: presetForRung(rung),
        running: true,
        nextRelease: 1,
      } as const;
      expect(() => planChange(wanted)).toThrow(NotBuilt);
    }
  });

  test("old and new instances that do not fit together are refused before anything changes", () => {
    const from = on(with_({ app: { servers: 7, connections: 10 } }));
    const topology = with_({ app: { servers: 1, connections: 35 } });
    expect(() => planChange({ kind: "apply", from, topology, running: true, nextRelease: 2 })).toThrow(
      ConnectionsExceeded,
    );
  });
});
