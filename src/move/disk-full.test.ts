import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { checkMovable } from "./check.ts";
import type { Progress } from "./move.ts";
import { CANNOT_MOUNT, type SmallDisk, smallDisk } from "./small-disk.fixture.ts";
import { MOVE_STEPS } from "./steps.ts";
import { asRole, audit, context, rows, type TestMove, testMove, Writers } from "./testing.ts";
import { abandon } from "./undo.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const AWAIT = MOVE_STEPS.findIndex(({ name }) => name === "await-copy");
/** Rows of the source: about 30 MB, and as much log while they are copied. */
const ROWS = 100_000;

function told(disk: SmallDisk) {
  const said: string[] = [];
  const progress = ({ says }: Progress) => void said.push(says);
  return { ...context(), progress, targetFreeBytes: async () => disk.freeBytes(), said };
}

/** The rest of the move, after which nothing is lost. */
async function goOn({ source, target, move }: TestMove, writers: Writers, disk: SmallDisk): Promise<void> {
  for (const { name, run } of MOVE_STEPS.slice(AWAIT)) {
    await run(move, told(disk));
    if (name === "open") writers.point(target);
  }
  await writers.more(20);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await audit(target, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  await expect.poll(() => audit(source, writers.acknowledged), { timeout: 20_000 }).toEqual({ lost: 0, duplicated: 0 });
}

test("a disk that fills up during the copy stops it in time: the target lives, the source serves, and with room it goes on", async ({
  skip,
}) => {
  using disk = smallDisk(500);
  if (disk === undefined) return skip(CANNOT_MOUNT);
  await using system = await testMove({ rows: ROWS, disk: disk.folder });
  const { source, target, move } = system;
  const writers = new Writers(source, 4);
  disk.leave(150);
  await expect(checkMovable(move, told(disk))).rejects.toMatchObject({
    problems: [{ at: "dc1.db.2", says: expect.stringMatching(/needs about \d+ MiB of disk, and \d+ MiB are free/) }],
  });
  disk.leave(500);
  for (const { run } of MOVE_STEPS.slice(0, AWAIT - 1)) await run(move, told(disk));
  disk.leave(150); // somebody else's files
  await MOVE_STEPS[AWAIT - 1]?.run(move, told(disk));
  await expect(MOVE_STEPS[AWAIT]?.run(move, told(disk))).rejects.toMatchObject({
    code: "move-disk-full",
    at: "dc1.db.2",
    says: expect.stringMatching(/only \d+ MiB are left on its disk/),
    fix: expect.stringContaining("free some space"),
  });
  expect(disk.freeBytes()).toBeGreaterThan(0);
  expect(await rows(target, "select count(*)::int as n from ledger")).toEqual([{ n: 0 }]);
  await writers.more(20);
  disk.leave(500);
  await goOn(system, writers, disk);
});

test("a disk that is full without a warning is told in PostgreSQL's own words, and with room the copy goes on", async ({
  skip,
}) => {
  using disk = smallDisk(20);
  if (disk === undefined) return skip(CANNOT_MOUNT);
  await using system = await testMove({ rows: ROWS });
  const { source, target, move } = system;
  // Rows on the small disk, the log elsewhere: what fills up is not what we would look at.
  const shelf = join(disk.folder, "shelf");
  mkdirSync(shelf);
  execFileSync("chown", ["--reference", target.socketFolder, shelf]);
  await asRole({ ...target, database: "postgres" }, target.superuser, async (client) => {
    await client.query(`create tablespace small location '${shelf}'`);
    await client.query(`alter database ${target.database} set tablespace small`);
  });
  const writers = new Writers(source, 4);
  for (const { run } of MOVE_STEPS.slice(0, AWAIT)) await run(move, context());
  await expect(MOVE_STEPS[AWAIT]?.run(move, context())).rejects.toMatchObject({
    code: "move-disk-full",
    at: "dc1.db.2",
    says: expect.stringContaining("No space left on device"),
  });
  await writers.more(20);
  disk.grow(300);
  await goOn(system, writers, disk);
});

test("a target that a full disk has ended is told as that, and the move can be given up without it", async ({
  skip,
}) => {
  using disk = smallDisk(400);
  if (disk === undefined) return skip(CANNOT_MOUNT);
  await using system = await testMove({ rows: ROWS, disk: disk.folder });
  const { source, target, move } = system;
  const writers = new Writers(source, 4);
  for (const { run } of MOVE_STEPS.slice(0, AWAIT - 1)) await run(move, told(disk));
  disk.leave(10);
  await MOVE_STEPS[AWAIT - 1]?.run(move, context());
  const ended = () =>
    rows(target, "select").then(
      () => "up",
      ({ code }: { code?: string }) => code,
    );
  await expect.poll(ended, { timeout: 60_000 }).toBe("ECONNREFUSED");
  await expect(MOVE_STEPS[AWAIT]?.run(move, told(disk))).rejects.toMatchObject({ code: "move-disk-full" });
  await abandon(move, context());
  await writers.more(20);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await audit(source, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  const left = `select slot_name::text as left from pg_replication_slots union all select pubname from pg_publication
    union all select rolname from pg_roles where rolname ~ '^ninefold_move' union all select phase from ninefold.fence`;
  expect(await rows(source, left)).toEqual([]);
});
