import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestPostgres, type TestPostgres } from "../engines/postgres/testing.ts";
import { until } from "../machine/local/testing.ts";
import { mayMakeGroups } from "../processors/testing.ts";
import { type ServiceFolder, serviceFolder } from "./roles/testing.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres({ roles: true, fsync: false });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const SERVICE = `
import { defineService } from "ninefold";
export default defineService({ name: "quiet", http: () => async (request, response) => response.end("here") });`;

async function quiet(): Promise<ServiceFolder> {
  const { database } = await postgres.createDatabase();
  const service = await serviceFolder(postgres, database);
  await service.write("service.ts", SERVICE);
  await service.run("migrate");
  return service;
}

/** Only whoever may take back what it gave up gives it up. */
const mayGiveWay = process.platform === "linux" && process.getuid?.() === 0;
const WITHOUT_GROUPS = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh"];

/** A service whose module does this while it is loaded. */
async function loading(service: ServiceFolder, what: string) {
  await service.write("slow.ts", SERVICE.replace("export default", `${what};\nexport default`));
  return { name: "test.app.2", config: { service: join(service.folder, "slow.ts") }, ownSession: true } as const;
}

test.runIf(mayGiveWay && mayMakeGroups)(
  "an instance runs only where others leave a processor, until it serves",
  async () => {
    await using service = await quiet();
    const held = await loading(
      service,
      'const { existsSync } = await import("node:fs"); while (!existsSync(new URL("go", import.meta.url))) await new Promise((r) => setTimeout(r, 10))',
    );
    const starts = await service.start("app", held);
    await until("it gives way", () => isIdle(starts.child.pid));
    expect(await priorities(starts.child.pid)).toEqual(new Set([0]));
    await service.write("go", "");
    await starts.until("ready");
    expect(await isIdle(starts.child.pid)).toBe(false);
  },
);

test.runIf(mayGiveWay && mayMakeGroups)(
  "one that cannot leave by itself, as on a machine that is busy throughout, is taken out",
  async () => {
    await using service = await quiet();
    const starts = await service.start("app", await loading(service, "for (;;);"));
    await until("it gives way", () => isIdle(starts.child.pid));
    await until("it does no more", async () => !(await isIdle(starts.child.pid)));
    expect(starts.child.exitCode).toBeNull();
  },
);

test.runIf(mayGiveWay && mayMakeGroups)("a migration, for whose locks others may wait, is not held up", async () => {
  await using service = await quiet();
  const [seen, migrates] = [join(service.folder, "seen"), join(service.folder, "migrates.ts")];
  await service.write("migrates.ts", SERVICE.replace("http:", 'migrations: "./migrations", http:'));
  const look = `writeFileSync(${JSON.stringify(seen)}, readFileSync("/proc/self/cgroup"))`;
  await service.write(
    "migrations/001-look.ts",
    `import { readFileSync, writeFileSync } from "node:fs"; export async function up() { ${look}; }`,
  );
  expect(await service.run("migrate", { service: migrates })).toMatchObject({ code: 0 });
  expect(await readFile(seen, "utf8")).toMatch(/cpu|::/);
  expect(await readFile(seen, "utf8")).not.toContain("/ninefold-starting");
});

test.runIf(mayGiveWay)("without such a group an instance has a low priority until it serves, or for 5 s", async () => {
  await using service = await quiet();
  const held = await loading(service, "await new Promise(() => setInterval(() => {}, 1e9))");
  const starts = await service.start("app", { ...held, through: WITHOUT_GROUPS });
  const are = async (priority: number) => {
    const all = await priorities(starts.child.pid);
    const ofSession = await sessionPriority(starts.child.pid);
    return all.size === 1 && all.has(priority) && (ofSession === undefined || ofSession === priority);
  };
  await until("it gives way", () => are(10));
  await until("it does no more", () => are(0));
  starts.child.kill();
  const serves = await service.start("app", { ownSession: true, through: WITHOUT_GROUPS });
  await serves.until("ready");
  expect(await priorities(serves.child.pid)).toEqual(new Set([0]));
  expect((await sessionPriority(serves.child.pid)) ?? 0).toBe(0);
});

test.runIf(mayGiveWay)("an instance in somebody else's session leaves its priority alone", async () => {
  const before = await sessionPriority(process.pid);
  await using service = await quiet();
  const starts = await service.start("app", { through: WITHOUT_GROUPS });
  const seen = new Set<number | undefined>();
  for (const ready = starts.until("ready").then(() => true); !(await Promise.race([ready, after(10, false)])); )
    seen.add(await sessionPriority(starts.child.pid));
  expect(seen).toEqual(new Set([before]));
});

/** cgroups(7): the control groups of a process. */
async function isIdle(pid: number | undefined): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "")).includes("/ninefold-starting");
}

/** Those of all threads; proc(5): the nice value is field 19 of `stat`. */
async function priorities(pid: number | undefined): Promise<Set<number>> {
  const threads = await readdir(`/proc/${pid}/task`);
  const read = threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, "utf8").catch(() => undefined));
  const stats = (await Promise.all(read)).filter((stat) => stat !== undefined); // threads come and go
  return new Set(stats.map((stat) => Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16])));
}

/** `/autogroup-417 nice 10`, sched(7); undefined where the kernel does not share its processors between sessions. */
async function sessionPriority(pid: number | undefined): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/autogroup`, "utf8").catch(() => undefined);
  return text === undefined ? undefined : Number(/nice (-?\d+)/.exec(text)?.[1]);
}
