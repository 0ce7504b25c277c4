import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../src/machine/free-port.ts";
import { repository } from "../support/folders.ts";

const execute = promisify(execFile);
// A name with a blank, as people's folders have.
const root = mkdtempSync(join(tmpdir(), "ninefold newcomer-"));
const folder = join(root, "notes");
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
  npm_config_loglevel: "error",
};
const npx = (...args: readonly string[]) => execute("npx", ["--no-install", "ninefold", ...args], { cwd: folder, env });

beforeAll(async () => {
  mkdirSync(folder);
  await execute("npm", ["pack", "--pack-destination", root], { cwd: repository, env });
  const tarball = readdirSync(root).find((name) => name.endsWith(".tgz"))!;
  await execute("npm", ["install", "--no-audit", "--no-fund", join(root, tarball)], { cwd: folder, env });
}, 300_000);

afterAll(async () => {
  await npx("down", "--destroy", "--yes").catch(() => {});
  rmSync(root, { recursive: true, force: true });
});

test("the published package gets from `ninefold init` to a served request in two commands", async () => {
  const port = String(await freePort());
  await npx("init");
  await npx("up", "-d", "--port", port);
  const notes = `http://127.0.0.1:${port}/api/notes`;
  const added = await fetch(notes, { method: "POST", body: JSON.stringify({ text: "from an empty folder" }) });
  expect(added.status).toBe(201);
  expect(await (await fetch(notes)).json()).toMatchObject([{ text: "from an empty folder" }]);
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain("<h1>notes</h1>");
});

test("a new service's own tests pass", async () => {
  const { stdout } = await execute("npm", ["test"], { cwd: folder, env });
  expect(stdout).toMatch(/pass 3/);
}, 240_000);

test("a second `init` overwrites nothing that was changed and says so", async () => {
  const again = await npx("init", "--name", "other").catch((error: { code: number; stderr: string }) => error);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringMatching(/already there.*nothing was written/s) });
});
