import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type System, startSystem } from "../support/system.ts";
import { expectKept } from "../support/verdict.ts";

let system: System;
let service: string;
let sound: string;

beforeAll(async () => {
  system = await startSystem({ prepare: hurry });
  service = join(system.folder, "service.ts");
  sound = readFileSync(service, "utf8");
});

afterAll(() => system?.[Symbol.asyncDispose]());

const crashes = (text: string) => `${text}\nthrow new Error("no configuration found");\n`;
const hangs = (text: string) => `${text}\nawait new Promise(() => setInterval(() => {}, 1_000));\n`;
const failsReadiness = (text: string) =>
  text.replace("http: ", 'http: () => { throw new Error("the mail server is away"); }, ignored: ');

test.each([
  ["crashes at start", crashes, /no configuration found/],
  ["hangs at start", hangs, /start|hang|load/i],
  ["fails its readiness", failsReadiness, /mail server is away|ignored/],
])(
  "new code that %s is not rolled out: the old code keeps serving and the message says what was found",
  async (_, spoil, says) => {
    await using traffic = await system.check({ users: 10, rate: 50 });
    writeFileSync(service, spoil(sound));
    const deploy = await system.ninefold("deploy");
    writeFileSync(service, sound);
    expect(deploy.code).toBe(1);
    expect(deploy.stderr).toMatch(says);
    expect(deploy.stderr).toMatch(/fix/);
    expectKept(await traffic.finish({ after: 1_000 }));
    await expectOldRelease();
  },
);

test("a migration that fails stops the deploy, changes nothing and is named", async () => {
  const migration = join(system.folder, "migrations", "9999_broken.ts");
  writeFileSync(
    migration,
    `import { sql } from "kysely";
     export async function up(db) {
       await sql\`create table half_done (id int)\`.execute(db);
       await sql\`alter table no_such_table add column x int\`.execute(db);
     }`,
  );
  await using traffic = await system.check({ users: 10, rate: 50 });
  const deploy = await system.ninefold("deploy");
  rmSync(migration);
  expect(deploy.code).toBe(1);
  expect(deploy.stderr).toMatch(/9999_broken/);
  expect(deploy.stderr).toMatch(/no_such_table/);
  expectKept(await traffic.finish({ after: 1_000 }));
  await expectOldRelease();
});

test("table facts that the schema contradicts stop the deploy and are named", async () => {
  writeFileSync(service, sound.replace('unique: ["slug"]', 'unique: ["slug", "title"]'));
  const deploy = await system.ninefold("deploy");
  writeFileSync(service, sound);
  expect(deploy.code).toBe(1);
  expect(deploy.stderr).toMatch(/tables\.articles\.unique/);
  await expectOldRelease();
});

async function expectOldRelease(): Promise<void> {
  const { state, instances } = await system.status();
  expect(state).toBe("up");
  expect(instances.filter(({ release }) => release !== undefined).map(({ name }) => name)).toEqual([
    "dc1.app.1@1",
    "dc1.worker.1@1",
  ]);
}

/** New code counts as hanging after a few seconds instead of half a minute. */
function hurry(folder: string): void {
  writeFileSync(join(folder, "ninefold.topology.yaml"), "version: 1\napp:\n  startMs: 8000\n");
}
