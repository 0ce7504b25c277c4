import { describe, expect, test } from "vitest";
import { NotBuilt, presetForRung, RUNGS } from "../topology/rung.ts";
import type { Topology } from "../topology/topology.ts";
import { alongside } from "./alongside.ts";
import { type Plan, planChange } from "./plan.ts";
import { EMPTY, type Situation } from "./situation.ts";
import { ConnectionsExceeded } from "./steps.ts";

const embedded = { generation: 1, kind: "embedded" } as const;
const patroni = { generation: 2, kind: "patroni" } as const;

describe("plans", () => {
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
      "publish-endpoints",
      "make-release",
      "inspect-release",
      "init-database",
      "start-database",
      "prepare-database",
      "migrate",
      "start-instance",
      "start-instance",
    ]);
  });

  /** Steps that may be in hand together with the first one of a name, when those of other names have ended. */
  const beside = (plan: Plan, name: string, ...ended: readonly string[]) => {
    const place = (one: string) => plan.steps.findIndex((step) => step.do.name === one);
    const places = alongside(plan, place(name), new Set(ended.map(place)));
    return places.map((at) => plan.steps[at]?.do.name).filter((one) => one !== undefined && !ended.includes(one));
  };

  test("from nothing, the code is loaded while the database is made, and what needs both comes after both", () => {
    const first = { kind: "up", from: EMPTY, running: true, nextRelease: 1 } as const;
    const single = planChange({ ...first, topology: presetForRung(1) });
    expect(beside(single, "open-socket")).toEqual([]);
    expect(beside(single, "publish-endpoints")).toEqual(["init-database"]);
    expect(beside(single, "make-release")).toEqual(["init-database"]);
    expect(beside(single, "inspect-release")).toEqual(["init-database"]);
    expect(beside(single, "inspect-release", "init-database")).toEqual(["start-database"]);
    expect(beside(single, "inspect-release", "init-database", "start-database")).toEqual(["prepare-database"]);
    const made = ["init-database", "start-database", "prepare-database"];
    expect(beside(single, "inspect-release", ...made)).toEqual([]);
    expect(beside(single, "init-database")).toEqual(["start-instance"]);
    expect(single.steps.map((step) => step.do)).toContainEqual({ name: "inspect-release", release: 1, migrates: true });
    expect(beside(single, "start-database")).toEqual(["start-instance"]);
    expect(beside(single, "migrate")).toEqual(["start-instance"]);
    const balanced = planChange({ ...first, topology: presetForRung(3) });
    expect(beside(balanced, "make-release")).toEqual(["start-etcd"]);
    expect(beside(balanced, "make-release", "start-etcd")).toEqual(["init-database"]);
    expect(beside(balanced, "start-database")).toEqual(["start-instance"]);
  });

  test("later, an instance starts only when the tables are as its code needs them", () => {
    const deploy = planChange({
      kind: "deploy",
      from: on(with_({})),
      topology: with_({}),
      running: true,
      code: "new",
      nextRelease: 2,
    });
    for (const { do: step } of deploy.steps) expect(beside(deploy, step.name)).toEqual([]);
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
