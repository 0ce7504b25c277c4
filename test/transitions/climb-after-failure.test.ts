import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../src/machine/free-port.ts";
import { copyOfService } from "../support/folders.ts";
import { processesUnder } from "../support/processes.ts";
import { conduit, runNinefold } from "../support/system.ts";

test("a first start that failed leaves nothing in the way of one at another rung, and its reason is told each time", async () => {
  using copy = copyOfService(conduit);
  const { folder } = copy;
  await using _ended = {
    async [Symbol.asyncDispose]() {
      await runNinefold(folder, ["down", "--destroy", "--yes"]);
      expect(processesUnder(folder)).toEqual([]);
    },
  };
  const port = await freePort();
  const up = (rung: string) => runNinefold(folder, ["up", "-d", "--port", String(port), "--rung", rung]);
  // By then the database is there.
  const broken = join(folder, "migrations", "999-broken.ts");
  writeFileSync(broken, 'export async function up() { throw new Error("not yet"); }');
  for (const rung of ["1", "3"]) {
    const { code, stderr } = await up(rung);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("not yet") });
  }
  rmSync(broken);
  expect(await up("1")).toMatchObject({ code: 0 });
  const database = readdirSync(join(folder, ".ninefold", "instances", "dc1.db.1"));
  expect(database.filter((name) => name.startsWith("data"))).toEqual(["data", "data.patroni"]);
  expect((await fetch(`http://127.0.0.1:${port}/api/tags`)).status).toBe(200);
}, 180_000);
