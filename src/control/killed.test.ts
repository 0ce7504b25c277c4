import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { localMachine } from "../machine/local/index.ts";
import { findControl } from "./address.ts";
import { controlClient, type PlanEvents } from "./client.ts";
import type { ControlEvent } from "./event.ts";
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

test("killed with SIGKILL after every write of its journal, a real control plane finishes up, scale and deploy", async () => {
  await using service = await serviceFolder();
  const { folder, port } = service;
  const deaths = join(folder, "deaths");
  using control = immortal(folder, deaths);
  await expect.poll(() => findControl(folder), { timeout: 60_000 }).toBeDefined();
  const client = controlClient(() => findControl(folder));
  await expect.poll(() => client.answers(), { timeout: 60_000 }).toBe(true);

  for (const [change, version] of [
    [{ kind: "up", port }, 1],
    [{ kind: "scale", app: 2 }, 1],
    [{ kind: "deploy" }, 2],
  ] as const) {
    await service.write({ version });
    const before = control.kills;
    const events = await follow(client.apply(change));
    expect(events.at(-1)?.kind).toBe("finished");
    expect(control.kills).toBeGreaterThan(before);
    // The service serves whatever happens to the control plane.
    expect(await service.version()).toBe(version);
    await expect.poll(() => client.answers(), { timeout: 60_000 }).toBe(true);
  }
  const writes = readFileSync(deaths, "utf8").trim().split("\n");
  expect(control.kills).toBe(writes.length);
  const names = (await localMachine(folder).list()).map(({ name }) => name as string);
  expect(names.toSorted()).toEqual(["dc1.app.1@2", "dc1.app.2@2", "dc1.db.1", "dc1.worker.1@2"]);
}, 600_000);
