import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { descendants, identify, isAlive, signal } from "./identity.ts";
import { until } from "./testing.ts";

test("a process is itself as long as it lives, and nobody afterwards", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  const identity = identify(child.pid!);
  expect(isAlive(identity!)).toBe(true);
  signal(identity!, "SIGKILL");
  await once(child, "exit");
  expect(isAlive(identity!)).toBe(false);
});

test("a dead process that nobody has reaped is dead", async () => {
  // The shell becomes `sleep`, which never reaps the child that the shell had started.
  const parent = spawn("sh", ["-c", "sh -c 'echo $$' & exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(parent.stdout, "data");
  await until("the child is dead", () => identify(Number(String(line))) === undefined, 5_000);
  parent.kill("SIGKILL");
});

test("a signal to a process whose pid another one has now reaches neither it nor its group", () => {
  const stale = { pid: process.pid, started: `${identify(process.pid)!.started}0` };
  signal(stale, "SIGKILL");
  signal(stale, "SIGKILL", { group: true });
  expect(isAlive(identify(process.pid)!)).toBe(true);
});

test("descendants are found through groups of their own, but not below the process left out", async () => {
  const script = "setsid sh -c 'sleep 60; true' & setsid sleep 61 & echo $!; wait";
  const top = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(top.stdout, "data");
  await until("three are below", () => descendants(top.pid!, 0).length === 3);
  const but = Number(String(line));
  const all = descendants(top.pid!, 0);
  expect(descendants(top.pid!, but).map(({ pid }) => pid)).toEqual(
    all.map(({ pid }) => pid).filter((pid) => pid !== but),
  );
  for (const one of all) signal(one, "SIGKILL");
  top.kill("SIGKILL");
});
