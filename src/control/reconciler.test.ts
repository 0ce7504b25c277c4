import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { allClusters, clusterName, clustersOf } from "../plan/clusters.ts";
import { databaseSettings } from "../plan/database-steps.ts";
import { runningInstances } from "../plan/instances.ts";
import { planChange } from "../plan/plan.ts";
import { membersOf, replicationOf } from "../plan/replication.ts";
import { EMPTY, type Situation } from "../plan/situation.ts";
import { Journal, type NewEvent } from "./journal.ts";
import { PlanUnderWay } from "./problem.ts";
import { createReconciler } from "./reconciler.ts";
import { CASES, type Case, up } from "./testing/cases.ts";
import { emptyWorld, type Faults, Killed, modelWorld, type WorldState } from "./testing/model-world.ts";

let folder: string;
beforeEach(() => {
  // Each write waits for the disk; memory is enough where only the control plane dies.
  folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "ninefold-reconciler-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A journal that dies at its n-th write, before or after the write reaches the disk. */
class MortalJournal extends Journal {
  writes = 0;
  deadAt = Number.POSITIVE_INFINITY;
  override begin(...args: Parameters<Journal["begin"]>) {
    return this.#mortal(() => super.begin(...args));
  }
  override stepBegins(...args: Parameters<Journal["stepBegins"]>) {
    return this.#mortal(() => super.stepBegins(...args));
  }
  override undoBegins(...args: Parameters<Journal["undoBegins"]>) {
    return this.#mortal(() => super.undoBegins(...args));
  }
  override stepEnds(...args: Parameters<Journal["stepEnds"]>) {
    return this.#mortal(() => super.stepEnds(...args));
  }
  override turn(...args: Parameters<Journal["turn"]>) {
    return this.#mortal(() => super.turn(...args));
  }
  override finish(...args: Parameters<Journal["finish"]>) {
    return this.#mortal(() => super.finish(...args));
  }
  override fail(...args: Parameters<Journal["fail"]>) {
    return this.#mortal(() => super.fail(...args));
  }
  #mortal<T>(write: () => T): T {
    if (this.writes++ >= this.deadAt) throw new Killed();
    const result = write();
    if (this.writes++ >= this.deadAt) throw new Killed();
    return result;
  }
}

let journals = 0;

/** The journal and the world that a case begins with; made once a test. */
async function prepare(one: Case) {
  const path = join(folder, "prepared.db");
  if (prepared?.path === path) return prepared;
  const state = emptyWorld();
  new Journal(path)[Symbol.dispose]();
  for (const wanted of one.before) {
    using journal = new Journal(path);
    const reconciler = createReconciler({ journal, world: modelWorld(state), now: Date.now, onProgress: () => {} });
    reconciler.begin(planChange(wanted));
    await reconciler.idle();
    expect(journal.last()?.state).toBe("finished");
  }
  prepared = { path, state };
  return prepared;
}
let prepared: { path: string; state: WorldState } | undefined;

/** Runs a case with the control plane killed at write `kill` of the journal or act `act` of the world, then restarted. */
async function run(one: Case, faults: { write?: number; act?: number }) {
  const path = join(folder, `journal-${journals++}.db`);
  const prepared = await prepare(one);
  copyFileSync(prepared.path, path);
  const state = structuredClone(prepared.state);
  const start = state.acts;
  let died = false;
  let writes = 0;
  {
    using journal = new MortalJournal(path);
    journal.deadAt = faults.write ?? Number.POSITIVE_INFINITY;
    let dead = false;
    const world = modelWorld(state, {
      fails: one.fails ?? (() => false),
      at: (act) => {
        if (dead || act - start === faults.act) {
          dead = true;
          journal.deadAt = -1;
          throw new Killed();
        }
      },
    });
    const reconciler = createReconciler({ journal, world, now: Date.now, onProgress: () => {} });
    try {
      reconciler.begin(planChange(one.wanted));
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    await reconciler.idle();
    writes = journal.writes;
    died = writes > journal.deadAt || dead;
  }
  const acts = state.acts - start;
  using journal = new Journal(path);
  const reconciler = createReconciler({
    journal,
    world: modelWorld(state, { fails: one.fails ?? (() => false) }),
    now: Date.now,
    onProgress: () => {},
  });
  await reconciler.recover();
  await reconciler.idle();
  return { died, writes, acts, state, journal: snapshot(journal), trouble: reconciler.trouble };
}

function snapshot(journal: Journal) {
  const last = journal.last();
  return {
    situation: journal.situation,
    state: last?.state,
    kind: last?.plan.kind,
    to: last?.plan.to,
    from: last?.plan.from,
    open: journal.open()?.id,
    events: last === undefined ? [] : journal.events(last.id, 0),
  };
}

function expectWorld(state: WorldState, situation: Situation): void {
  const names = runningInstances(situation);
  const says = (name: string) => {
    if (/\.db/.test(name)) return JSON.stringify(databaseSettings(situation.topology!));
    return name.includes(".balancer.")
      ? names
          .filter((one) => one.includes(".app."))
          .sort()
          .join(" ")
      : "";
  };
  expect(Object.fromEntries(state.instances)).toEqual(Object.fromEntries(names.map((name) => [name, says(name)])));
  const clusters = clustersOf(situation);
  if (clusters !== undefined && situation.topology !== undefined) {
    const { topology } = situation;
    expect([...state.data].sort()).toEqual(
      allClusters(clusters)
        .flatMap((one) => membersOf(clusterName(topology, one), replicationOf(topology, clusters, one)))
        .sort(),
    );
    if (situation.running) {
      const { standbys } = replicationOf(topology, clusters, clusters.serving);
      expect(state.readers).toEqual(standbys);
      expect(state.replication.get(clusterName(topology, clusters.serving)) ?? "").toBe(standbys.join(" "));
    }
    expect(state.following.size).toBe(clusters.copy === undefined ? 0 : 1);
    expect(state.serving).toBe(clusterName(topology, clusters.serving));
  }
  const { host, port } = situation.topology?.public ?? { host: "", port: 0 };
  expect([...state.sockets]).toEqual(situation.running ? [`${host}:${port}`] : []);
}

describe.each(CASES)("$name", (one) => {
  test("undisturbed, ends as it should", async () => {
    const { state, journal } = await run(one, {});
    expect(journal.state).toBe(one.ends);
    expect(journal.situation).toEqual(one.ends === "finished" ? journal.to : journal.from);
    expectWorld(state, journal.situation);
    expect(journal.events.at(-1)?.kind).toBe(one.ends === "finished" ? "finished" : "failed");
    expect(journal.events.map(({ seq }) => seq)).toEqual(
      journal.events.map(({ seq }) => seq).toSorted((a, b) => a - b),
    );
  });

  test("killed before and after every write of the journal, goes on or back by itself", async () => {
    const { writes } = await run(one, {});
    expect(writes).toBeGreaterThan(2);
    for (let write = 0; write < writes; write++) {
      const { died, state, journal, trouble } = await run(one, { write });
      expect(died, `write ${write}`).toBe(true);
      expect(journal.open, `write ${write}`).toBeUndefined();
      expect(trouble, `write ${write}`).toBeUndefined();
      expectWorld(state, journal.situation);
      // Only a plan whose beginning was never written down has not happened; any other ends as it would have.
      if (write > 0) expect(journal.state, `write ${write}`).toBe(one.ends);
    }
  });

  test("killed before and after every change of the world, goes on or back by itself", async () => {
    const { acts } = await run(one, {});
    for (let act = 0; act < acts; act++) {
      const { died, state, journal, trouble } = await run(one, { act });
      if (!died) break;
      expect(journal.open, `act ${act}`).toBeUndefined();
      expect(trouble, `act ${act}`).toBeUndefined();
      expectWorld(state, journal.situation);
      expect(journal.state, `act ${act}`).toBe(one.ends);
    }
  });
});

describe("a plan", () => {
  function begin(faults: Faults = {}) {
    const journal = new Journal(join(folder, "journal.db"));
    const state = emptyWorld();
    const world = modelWorld(state, faults);
    return { journal, state, reconciler: createReconciler({ journal, world, now: Date.now, onProgress: () => {} }) };
  }

  test("is refused while another is under way", async () => {
    const { reconciler } = begin();
    reconciler.begin(planChange(up));
    expect(() => reconciler.begin(planChange(up))).toThrow(PlanUnderWay);
    await reconciler.idle();
  });

  test("that runs can be turned back between its steps", async () => {
    const { journal, state, reconciler } = begin();
    reconciler.begin(planChange(up));
    reconciler.turnBack();
    await reconciler.idle();
    expect(journal.last()).toMatchObject({ state: "undone", problem: { code: "undone-on-request" } });
    expectWorld(state, EMPTY);
  });

  test("whose way back fails too stops with both reasons, and goes back when asked again", async () => {
    let broken = true;
    const fails = (action: string) =>
      broken && (action === "start-instance dc1.app.2@1" || action === "stop-database dc1.db.1");
    const { journal, state, reconciler } = begin({ fails });
    reconciler.begin(planChange(up));
    await reconciler.idle();
    expect(journal.open()).toMatchObject({ state: "stopped" });
    expect(journal.open()?.problem?.says).toMatch(/made to fail; going back failed too: stop-database dc1.db.1/);
    expect(() => reconciler.begin(planChange(up))).toThrow(/ninefold undo/);
    broken = false;
    reconciler.turnBack();
    await reconciler.idle();
    expect(journal.last()?.state).toBe("undone");
    expectWorld(state, EMPTY);
  });

  test("begins a step along with those that it does not need, and undoes it with the one that failed", async () => {
    const { journal, state, reconciler } = begin({ fails: (action) => action.startsWith("migrate") });
    const { id } = reconciler.begin(planChange(up));
    await reconciler.idle();
    const order = journal.events(id, 0).map((one) => ("step" in one ? `${one.kind} ${one.step}` : one.kind));
    const place = (name: string) => planChange(up).steps.findIndex((step) => step.do.name === name) + 1;
    const [inspect, init, migrate] = [place("inspect-release"), place("init-database"), place("migrate")];
    expect(order.indexOf(`step-started ${init}`)).toBeLessThan(order.indexOf(`step-done ${inspect}`));
    expect(order).toContain(`step-started ${migrate + 1}`); // an instance
    expect(order.indexOf(`undoing ${migrate + 1}`)).toBeGreaterThan(order.indexOf(`step-failed ${migrate}`));
    expect(journal.last()?.state).toBe("undone");
    expectWorld(state, EMPTY);
  });

  test("what should run and does not is started again, and what should not run is stopped", async () => {
    const { journal, state, reconciler } = begin();
    reconciler.begin(planChange(up));
    await reconciler.idle();
    state.instances.delete("dc1.app.2@1");
    state.instances.set("dc1.app.7@1", "");
    state.sockets.clear();
    await reconciler.repair();
    expectWorld(state, journal.situation);
  });

  test("events carry the plan from its beginning to its end", async () => {
    const { journal, reconciler } = begin();
    const { id } = reconciler.begin(planChange(up));
    await reconciler.idle();
    const events = journal.events(id, 0);
    const steps = planChange(up).steps.map((_, index) => index + 1);
    const numbers = (kind: NewEvent["kind"]) =>
      events.flatMap((one) => (one.kind === kind && "step" in one ? [one.step] : []));
    expect([events[0]?.kind, events.at(-1)?.kind]).toEqual(["plan", "finished"]);
    expect(numbers("step-done")).toEqual(steps);
    expect(numbers("step-started").toSorted((a, b) => a - b)).toEqual(steps);
    const third = journal.events(id, 0)[2];
    expect(journal.events(id, third?.seq ?? 0)[0]).toEqual(journal.events(id, 0)[3]);
  });
});
