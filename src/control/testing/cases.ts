import type { Wanted } from "../../plan/plan.ts";
import { EMPTY, type Situation } from "../../plan/situation.ts";
import { presetForRung, type Rung } from "../../topology/rung.ts";
import type { TopologyInput } from "../../topology/topology.ts";

const at = (input: TopologyInput, release: number): Situation => ({
  topology: presetForRung(1, input),
  release,
  running: true,
});

/** A plan for the reconciler, and the world that it begins in. */
export interface Case {
  readonly name: string;
  /** Plans that bring the world to where the case begins. */
  readonly before: Wanted[];
  readonly wanted: Wanted;
  readonly fails?: (action: string) => boolean;
  readonly ends: "finished" | "undone";
}

export const up: Wanted = {
  kind: "up",
  from: EMPTY,
  topology: presetForRung(1, { app: { servers: 2 } }),
  running: true,
  nextRelease: 1,
};
const base = at({ app: { servers: 2 } }, 1);
const deploy: Wanted = { ...up, kind: "deploy", from: base, code: "new", nextRelease: 2 };

const rung = (at: Rung, servers = 2) => presetForRung(at, { app: { servers } });
const climb = (from: Situation, to: Rung, nextRelease = 2): Wanted => ({
  ...up,
  kind: "climb",
  from,
  topology: rung(to),
  nextRelease,
});
const embedded = { generation: 1, kind: "embedded" } as const;
const patroni = { generation: 2, kind: "patroni" } as const;
const atTwo: Situation = { ...base, topology: rung(2), clusters: { serving: patroni, copy: embedded } };
const atThree: Situation = { ...atTwo, topology: rung(3), release: 2 };
const atFour: Situation = { ...atThree, topology: rung(4), release: 2 };
const few = (replicas: number) =>
  presetForRung(4, { app: { servers: 2 }, databases: { main: { replicas, lagMs: 2_000 } } });
const descend: Wanted = { ...up, kind: "descend", from: atThree, topology: rung(1), nextRelease: 3 };

/** One of each kind of plan, and of each way for one to fail. */
export const CASES: readonly Case[] = [
  { name: "up", before: [], wanted: up, ends: "finished" },
  {
    name: "up that fails its last gate",
    before: [],
    wanted: up,
    fails: (action) => action === "start-instance dc1.worker.1@1",
    ends: "undone",
  },
  {
    name: "scale up",
    before: [up],
    wanted: { ...up, kind: "scale", from: base, topology: presetForRung(1, { app: { servers: 4 } }), nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "scale down",
    before: [up],
    wanted: { ...up, kind: "scale", from: base, topology: presetForRung(1, { app: { servers: 1 } }), nextRelease: 2 },
    ends: "finished",
  },
  { name: "deploy", before: [up], wanted: deploy, ends: "finished" },
  {
    name: "deploy of code that does not load",
    before: [up],
    wanted: deploy,
    fails: (action) => action === "inspect-release",
    ends: "undone",
  },
  {
    name: "deploy whose migration fails",
    before: [up],
    wanted: deploy,
    fails: (action) => action === "migrate",
    ends: "undone",
  },
  {
    name: "deploy whose second server fails",
    before: [up],
    wanted: deploy,
    fails: (action) => action === "start-instance dc1.app.2@2",
    ends: "undone",
  },
  {
    name: "another port and database settings",
    before: [up],
    wanted: {
      ...up,
      kind: "apply",
      from: base,
      topology: presetForRung(1, {
        public: { port: 9000 },
        app: { servers: 2 },
        databases: { main: { maxConnections: 200 } },
      }),
      nextRelease: 2,
    },
    ends: "finished",
  },
  {
    name: "down",
    before: [up],
    wanted: { ...up, kind: "down", from: base, topology: base.topology, running: false, nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "down and up again",
    before: [up, { ...up, kind: "down", from: base, running: false, nextRelease: 2 }],
    wanted: { ...up, from: { ...base, running: false }, nextRelease: 2 },
    ends: "finished",
  },
  { name: "up at rung 3 from nothing", before: [], wanted: { ...up, topology: rung(3) }, ends: "finished" },
  { name: "climb to rung 2", before: [up], wanted: climb(base, 2), ends: "finished" },
  { name: "climb to rung 3 over rung 2", before: [up, climb(base, 2)], wanted: climb(atTwo, 3, 2), ends: "finished" },
  { name: "climb to rung 3 at once", before: [up], wanted: climb(base, 3), ends: "finished" },
  {
    name: "climb to rung 3 whose copy differs",
    before: [up],
    wanted: climb(base, 3),
    fails: (action) => action === "verify-copy",
    ends: "undone",
  },
  {
    name: "climb to rung 3 whose second server does not enter the balancer",
    before: [up],
    wanted: climb(base, 3),
    fails: (action) => action === "enter-balancer dc1.app.2@2",
    ends: "undone",
  },
  {
    name: "deploy at rung 3",
    before: [{ ...up, topology: rung(3) }],
    wanted: { ...deploy, from: { ...base, topology: rung(3) }, topology: rung(3) },
    ends: "finished",
  },
  {
    name: "scale down at rung 3",
    before: [{ ...up, topology: rung(3, 4) }],
    wanted: { ...up, kind: "scale", from: { ...base, topology: rung(3, 4) }, topology: rung(3), nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "descend from rung 3 to the cluster of before",
    before: [up, climb(base, 3)],
    wanted: descend,
    ends: "finished",
  },
  {
    name: "descend that fails behind its cut-over",
    before: [up, climb(base, 3)],
    wanted: descend,
    fails: (action) => action === "start-instance dc1.app.1@3",
    ends: "undone",
  },
  {
    name: "finish",
    before: [up, climb(base, 3)],
    wanted: { ...up, kind: "finish", from: atThree, topology: rung(3), nextRelease: 3 },
    ends: "finished",
  },
  {
    name: "up at rung 4 from nothing",
    before: [],
    wanted: { ...up, topology: rung(4) },
    ends: "finished",
  },
  {
    name: "up at rung 4 whose last server fails",
    before: [],
    wanted: { ...up, topology: rung(4) },
    fails: (action) => action === "start-instance dc1.app.2@1",
    ends: "undone",
  },
  {
    name: "climb to rung 4",
    before: [up, climb(base, 3)],
    wanted: climb(atThree, 4, 3),
    ends: "finished",
  },
  { name: "climb from rung 1 to rung 4", before: [up], wanted: climb(base, 4), ends: "finished" },
  {
    name: "climb to rung 4 whose second standby does not come",
    before: [up, climb(base, 3)],
    wanted: climb(atThree, 4, 3),
    fails: (action) => action === "add-standby dc1.db-2.3",
    ends: "undone",
  },
  {
    name: "climb to rung 4 whose readers do not hear",
    before: [up, climb(base, 3)],
    wanted: climb(atThree, 4, 3),
    fails: (action) => action === "publish-standbys",
    ends: "undone",
  },
  {
    name: "more standbys",
    before: [{ ...up, topology: few(1) }],
    wanted: { ...up, kind: "scale", from: { ...base, topology: few(1) }, topology: few(4), nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "fewer standbys",
    before: [{ ...up, topology: few(4) }],
    wanted: { ...up, kind: "scale", from: { ...base, topology: few(4) }, topology: few(2), nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "descend from rung 4 to rung 3",
    before: [{ ...up, topology: rung(4) }],
    wanted: { ...descend, from: { ...base, topology: rung(4) }, topology: rung(3), nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "descend from rung 4 that fails at its last member of etcd",
    before: [{ ...up, topology: rung(4) }],
    wanted: { ...descend, from: { ...base, topology: rung(4) }, topology: rung(3), nextRelease: 2 },
    fails: (action) => action === "remove-etcd dc1.etcd.2",
    ends: "undone",
  },
  {
    name: "descend from rung 4 to rung 1",
    before: [up, climb(base, 3), climb(atThree, 4, 3)],
    wanted: { ...descend, from: atFour },
    ends: "finished",
  },
  {
    name: "another size of the database at rung 4",
    before: [{ ...up, topology: rung(4) }],
    wanted: {
      ...up,
      kind: "apply",
      from: { ...base, topology: rung(4) },
      topology: presetForRung(4, { app: { servers: 2 }, databases: { main: { maxConnections: 200, replicas: 3 } } }),
      nextRelease: 2,
    },
    ends: "finished",
  },
  {
    name: "up at rung 4 of what was stopped at rung 3",
    before: [
      { ...up, topology: rung(3) },
      { ...up, kind: "down", from: { ...base, topology: rung(3) }, topology: rung(3), running: false, nextRelease: 2 },
    ],
    wanted: { ...up, topology: rung(4), from: { ...base, topology: rung(3), running: false }, nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "down and up again at rung 4",
    before: [
      { ...up, topology: rung(4) },
      { ...up, kind: "down", from: { ...base, topology: rung(4) }, topology: rung(4), running: false, nextRelease: 2 },
    ],
    wanted: { ...up, topology: rung(4), from: { ...base, topology: rung(4), running: false }, nextRelease: 2 },
    ends: "finished",
  },
  {
    name: "up at rung 2 of what was stopped at rung 1",
    before: [up, { ...up, kind: "down", from: base, running: false, nextRelease: 2 }],
    wanted: { ...climb(base, 2), kind: "up", from: { ...base, running: false } },
    ends: "finished",
  },
  {
    name: "down that removes the data",
    before: [up],
    wanted: { ...up, kind: "down", from: base, topology: undefined, running: false, nextRelease: 2 },
    ends: "finished",
  },
];
