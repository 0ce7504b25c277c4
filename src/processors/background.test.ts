import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { until } from "../machine/local/testing.ts";
import { openBackground } from "./background.ts";
import { type CpuGroup, groupOf, processesOf } from "./cpu-group.ts";
import { mayMakeGroups } from "./testing.ts";

const running: ChildProcess[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

async function busy(): Promise<number> {
  const child = spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" });
  running.push(child);
  await until("it runs", () => ranMs(child.pid ?? 0) > 0);
  return child.pid ?? 0;
}

const isIdle = (pid: number) => groupOf(pid)?.folder.endsWith("/ninefold-background");
const ranMs = (pid: number) => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;

/** Whether the group is there though nobody is in it; other tests may be using it. */
function leftEmptyIn(outer: CpuGroup | undefined): boolean {
  if (outer === undefined) return false;
  const file = processesOf({ ...outer, folder: `${outer.folder}/ninefold-background` });
  return existsSync(file) && readFileSync(file, "utf8") === "";
}

test.runIf(mayMakeGroups)(
  "what is in the background is in a group of its own, and comes out of it at the end",
  async () => {
    const [first, second] = [await busy(), await busy()];
    const outer = groupOf(first);
    {
      using background = openBackground();
      background.add([first]);
      background.add([first, second, 2 ** 22 + 1]);
      expect([first, second].map(isIdle)).toEqual([true, true]);
      expect(readFileSync(`${groupOf(first)?.folder}/cpu.idle`, "utf8")).toBe("1\n");
    }
    expect([first, second].map((pid) => groupOf(pid))).toEqual([outer, outer]);
    expect(leftEmptyIn(outer)).toBe(false);
  },
);

test.runIf(mayMakeGroups)("nothing is left of it when all that was in it has ended before", async () => {
  const pid = await busy();
  const outer = groupOf(pid);
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const background = openBackground();
  background.add([pid]);
  running[0]?.kill("SIGKILL");
  await until("it has ended", () => !existsSync(`/proc/${pid}`));
  vi.advanceTimersByTime(500); // it looks
  background[Symbol.dispose]();
  expect(leftEmptyIn(outer)).toBe(false);
});

test.runIf(mayMakeGroups)("on a machine whose processors are full, it goes on all the same", async () => {
  const pid = await busy();
  for (let one = 0; one < availableParallelism() * 2; one += 1) await busy();
  using background = openBackground();
  background.add([pid]);
  const before = ranMs(pid);
  // With nothing but the weight of an idle group it would come to some 30 ms.
  await until("it has run for a second", () => ranMs(pid) > before + 1_000);
});
