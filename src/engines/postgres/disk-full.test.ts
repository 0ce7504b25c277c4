import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { testMachine, until } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import { postgresBinaries } from "./binaries.ts";
import { initCluster } from "./cluster.ts";
import { postgresEngine } from "./engine.ts";
import { DiskFull } from "./problem.ts";
import { testServer } from "./server.fixture.ts";

/** A small file system of its own over a folder; needs to be root and allowed to. */
function mount(folder: string, size: string): (() => void) | undefined {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0755`, "tmpfs", folder], { stdio: "ignore" });
    return () => execFileSync("umount", ["--lazy", folder]);
  } catch {
    return undefined;
  }
}

test("a cluster that does not fit on the disk says so, and is made when there is room", async ({ skip }) => {
  await using system = await testMachine();
  const name = InstanceName.parse("dc1.db.1");
  const [folder, sockets] = [system.machine.folder(name), system.machine.sockets(name)];
  const secrets = `${system.folder}/secrets.json`;
  const binaries = await postgresBinaries();
  const spec = { binaries, port: 5432, maxConnections: 30, memoryMb: 128, database: "conduit", secrets };
  const placed = { name, spec, folder, sockets };
  const unmount = mount(dirname(folder), "8m");
  if (unmount === undefined) skip("needs to be root and allowed to mount");
  const failed = await initCluster(system.machine, placed).catch((cause) => cause);
  unmount?.();
  expect(failed).toBeInstanceOf(DiskFull);
  expect(failed.message).toContain(folder);
  await initCluster(system.machine, placed);
});

test("a server on a full disk refuses writes, says why, and goes on by itself when there is room", async ({ skip }) => {
  await using server = await testServer();
  const { placed } = server;
  const shelf = `${placed.folder}/shelf`;
  mkdirSync(shelf);
  const unmount = mount(shelf, "2m");
  if (unmount === undefined) skip("needs to be root and allowed to mount");
  writeFileSync(join(shelf, "ballast"), Buffer.alloc(256 * 1024));
  execFileSync("chown", ["-R", "--reference", placed.folder, shelf]);
  try {
    await server.start();
    await server.healthy();
    const client = await server.connect();
    await client.query(`create tablespace small location '${shelf}'`);
    await client.query("create table much (text text) tablespace small");
    const fill = client.query("insert into much select repeat('x', 500) from generate_series(1, 20000)");
    await expect(fill).rejects.toMatchObject({ code: "53100" });
    expect(await postgresEngine.health(placed)).toMatchObject({ healthy: true }); // the rest of it works on
    rmSync(join(shelf, "ballast"));
    await client.query("insert into much values ('room')");
    expect((await client.query("select count(*)::int as n from much")).rows).toEqual([{ n: 1 }]);
    await server.system.machine.stop(placed.name);
    await until("it is gone", async () => (await server.system.machine.list()).length === 0);
  } finally {
    unmount?.();
    rmSync(shelf, { recursive: true, force: true });
  }
});
