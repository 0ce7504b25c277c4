import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { processesIn } from "../../src/engines/patroni/testing-processes.ts";

export const CANNOT_CUT =
  "needs to be root, nft (on Debian: `apt-get install nftables`) and control groups of version 2";

/** Where control groups of version 2 are mounted; undefined where there are none below the place that nft looks in. */
const CGROUPS = readFileSync("/proc/mounts", "utf8")
  .split("\n")
  .map((line) => line.split(" "))
  .find(([, at = "", type]) => type === "cgroup2" && at.startsWith("/sys/fs/cgroup"))?.[1];

/** Whether {@link cutNetwork} works here. */
export function canCutNetwork(): boolean {
  try {
    execFileSync("nft", ["list", "tables"], { stdio: "ignore" });
    return CGROUPS !== undefined && process.getuid?.() === 0;
  } catch {
    return false;
  }
}

/**
 * Cuts a host off from all others: what is sent to it and by it vanishes, and nobody is told. Its own processes still reach each
 * other by their sockets in the file system. Healed when it is disposed of.
 * @param folder that the host's processes work in
 * @param address on which they listen, and nobody else
 */
export function cutNetwork(folder: string, address: string): Disposable {
  const name = `ninefold-cut-${process.pid}`;
  const group = join(CGROUPS ?? "", name);
  mkdirSync(group);
  const pids = moveInto(group, folder);
  // A socket stays in the group in which it was made, so those that are older are known by their ports.
  const ports = [...new Set(pids.flatMap(localPorts))];
  const older =
    ports.length === 0
      ? ""
      : `tcp sport { ${ports.join(", ")} } ip saddr 127.0.0.1 drop
         tcp dport { ${ports.join(", ")} } ip daddr 127.0.0.1 drop`;
  const rules = `table ip ${name} {
    chain output {
      type filter hook output priority filter; policy accept;
      ip saddr ${address} drop
      ip daddr ${address} drop
      socket cgroupv2 level 1 "${relative("/sys/fs/cgroup", group)}" drop
      ${older}
    }
  }`;
  execFileSync("nft", ["-f", "-"], { input: rules });
  return {
    [Symbol.dispose]: () => {
      execFileSync("nft", ["delete", "table", "ip", name]);
      for (const pid of members(group)) tryToMove(pid, CGROUPS ?? "");
      rmdirSync(group);
    },
  };
}

/** All processes of the host, those included that they start meanwhile. */
function moveInto(group: string, folder: string): readonly number[] {
  for (;;) {
    const known = new Set(members(group));
    const left = processesIn(folder).filter((pid) => !known.has(pid));
    if (left.length === 0) return [...known];
    for (const pid of left) tryToMove(pid, group);
  }
}

function members(group: string): number[] {
  return readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
}

function tryToMove(pid: number, group: string): void {
  try {
    writeFileSync(join(group, "cgroup.procs"), String(pid));
  } catch {
    // It ended meanwhile.
  }
}

/** Ports of 127.0.0.1 from which a process is connected. */
function localPorts(pid: number): number[] {
  try {
    const folder = `/proc/${pid}/fd`;
    const sockets = new Set(
      readdirSync(folder).map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(join(folder, fd)))?.[1]),
    );
    return readFileSync(`/proc/${pid}/net/tcp`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , , , , , , , inode]) => local?.startsWith("0100007F:") === true && sockets.has(inode))
      .map(([, local = ""]) => Number.parseInt(local.slice(9), 16));
  } catch {
    return []; // It ended meanwhile.
  }
}
