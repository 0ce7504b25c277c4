import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { expect, test } from "vitest";
import { missingPackages } from "../engines/packages.ts";
import { localMachine } from "../machine/local/index.ts";
import { findControl } from "./address.ts";
import { controlClient, type PlanEvents } from "./client.ts";
import type { Change, ControlEvent } from "./event.ts";
import { serviceFolder } from "./testing/service-folder.ts";

/** Runs the control plane that dies, and starts it again whenever it died. */
function immortal(folder: string, deaths: string): Disposable & { readonly kills: number } {
  const main = fileURLToPath(new URL("./testing/mortal-control.ts", import.meta.url));
  let child: ChildProcess | undefined;
  let kills = 0;
  let over = false;
  const start = () => {
    child = spawn(process.execPath, ["--conditions=ninefold-source", main, folder, deaths], { stdio: "ignore" });
    child.once("exit", () => {
      if (over) return;
      kills += 1;
      start();
    });
  };
  start();
  return {
    get kills() {
      return kills;
    },
    [Symbol.dispose]: () => {
      over = true;
      child?.kill("SIGKILL");
    },
  };
}

async function follow(events: PlanEvents): Promise<ControlEvent[]> {
  const seen: ControlEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** A service whose control plane dies after every write of its journal, and what asks it for changes. */
async function mortal() {
  const service = await serviceFolder();
  const { folder } = service;
  const deaths = join(folder, "deaths");
  const control = immortal(folder, deaths);
  const client = controlClient(() => findControl(folder));
  const answers = () => expect.poll(() => client.answers(), { timeout: 60_000 }).toBe(true);
  return {
    service,
    /** Makes a change to its end; it must finish, though the control plane died on the way. */
    change: async (change: Change) => {
      await expect.poll(() => findControl(folder), { timeout: 60_000 }).toBeDefined();
      await answers();
      const before = control.kills;
      const events = await follow(client.apply(change));
      expect(events.at(-1)).toMatchObject({ kind: "finished" });
      expect(control.kills).toBeGreaterThan(before);
      await answers();
    },
    names: async () => (await localMachine(folder).list()).map(({ name }) => name as string).toSorted(),
    expectDeaths: () => expect(control.kills).toBe(readFileSync(deaths, "utf8").trim().split("\n").length),
    [Symbol.asyncDispose]: async () => {
      control[Symbol.dispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

test("killed with SIGKILL after every write of its journal, a real control plane finishes up, scale and deploy", async () => {
  await using mortals = await mortal();
  const { service, change } = mortals;
  for (const [wanted, version] of [
    [{ kind: "up", port: service.port }, 1],
    [{ kind: "scale", app: 2 }, 1],
    [{ kind: "deploy" }, 2],
  ] as const) {
    await service.write({ version });
    await change(wanted);
    // The service serves whatever happens to the control plane.
    expect(await service.version()).toBe(version);
  }
  mortals.expectDeaths();
  expect(await mortals.names()).toEqual(["dc1.app.1@2", "dc1.app.2@2", "dc1.db.1", "dc1.worker.1@2"]);
}, 600_000);

test.skipIf(missingPackages(3).length > 0)(
  "killed so, it climbs to rung 3, descends to rung 1 and finishes, and leaves nothing of the move behind",
  async () => {
    await using mortals = await mortal();
    const { service, change } = mortals;
    await service.write({ version: 1 });
    for (const wanted of [
      { kind: "up", port: service.port },
      { kind: "climb", to: 3 },
      { kind: "descend", to: 1 },
      { kind: "finish" },
    ] as const) {
      await change(wanted);
      expect(await service.version()).toBe(1);
    }
    mortals.expectDeaths();
    expect(await mortals.names()).toEqual(["dc1.app.1@3", "dc1.app.2@3", "dc1.db.1", "dc1.worker.1@3"]);
    expect(await leftOvers(service.folder)).toEqual([]);
  },
  900_000,
);

test.skipIf(missingPackages(4).length > 0)(
  "killed so, it climbs from rung 3 to 4, takes a standby away, deploys and descends, and keeps no slot of a standby",
  async () => {
    await using mortals = await mortal();
    const { service, change } = mortals;
    await service.write({ version: 1 });
    await change({ kind: "up", port: service.port, rung: 3 });
    const before = await mortals.names();
    for (const wanted of [
      { kind: "climb", to: 4 },
      { kind: "scale", replicas: 1 },
      { kind: "deploy" },
      { kind: "descend", to: 3 },
    ] as const) {
      await change(wanted);
      expect(await service.version()).toBe(1);
    }
    mortals.expectDeaths();
    expect((await mortals.names()).length).toBe(before.length);
    expect(await leftOvers(service.folder)).toEqual([]);
  },
  900_000,
);

/** What a move makes in a database. */
async function leftOvers(folder: string): Promise<string[]> {
  const passwords = JSON.parse(readFileSync(join(folder, ".ninefold", "secrets", "database.json"), "utf8"));
  const { host, port, database } = JSON.parse(readFileSync(join(folder, ".ninefold", "endpoints.json"), "utf8"))
    .clusters.main.primary;
  const client = new Client({ host, port, database, user: "postgres", password: passwords.postgres });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(`
      select slot_name::text as name from pg_replication_slots
      union all select pubname from pg_publication
      union all select subname from pg_subscription
      union all select rolname from pg_roles where rolname like 'ninefold_move%'
      union all select nspname from pg_namespace where nspname like 'ninefold_move%'`);
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
