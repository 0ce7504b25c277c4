import { mkdirSync } from "node:fs";
import { expect, test } from "vitest";
import { CANNOT_MOUNT, diskOver } from "../../src/move/small-disk.fixture.ts";
import { onMember } from "../support/database.ts";
import { underFault } from "../support/fault.ts";
import { LONG, NOT_LONG } from "../support/long.ts";
import { instanceFolder, membersOf } from "../support/members.ts";
import { startSystem } from "../support/system.ts";
import { until } from "../support/until.ts";

const MEMBER = "dc1.db.2";
const DISK_MIB = 500;

test("the primary's disk is full: another leads, status says so, and with room it comes back by itself", async ({
  skip,
}) => {
  skip(!LONG, NOT_LONG);
  await using system = await startSystem({ rung: 3 });
  const folder = instanceFolder(system.folder, MEMBER);
  mkdirSync(folder, { recursive: true });
  const disk = diskOver(folder, DISK_MIB);
  if (disk === undefined) return skip(CANNOT_MOUNT);
  using _disk = disk;

  await system.succeed("climb");
  const members = membersOf(system.folder);
  await until("all members are well", members.whole, 60_000);
  await system.succeed("switchover", MEMBER);
  await until("all members are well", members.whole, 60_000);

  await underFault(
    system,
    members,
    async () => {
      disk.leave(1);
      // The next file of the log has no room.
      const filled = async () => {
        await onMember(system.folder, MEMBER, "select pg_switch_wal()").catch(() => {});
        return (await members.primary().catch(() => MEMBER)) !== MEMBER;
      };
      await until("another primary", filled, 60_000);
      await until(
        "status tells of it",
        async () => (await system.status()).problems.some(({ at }) => at.includes(MEMBER)),
        20_000,
      );
      disk.leave(DISK_MIB);
    },
    { reads: "all" },
  );
  expect((await system.status()).problems).toEqual([]);
}, 400_000);
