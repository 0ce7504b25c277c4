import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";

/**
 * Who listens on a TCP port, in words such as `node (process 4242)`; undefined when the system does not tell, as for
 * processes of other users.
 */
export async function holderOf(port: number): Promise<string | undefined> {
  return process.platform === "linux" ? holderOnLinux(port) : holderElsewhere(port);
}

async function holderOnLinux(port: number): Promise<string | undefined> {
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, "0");
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "utf8").catch(() => "")),
  );
  // proc(5): local address is field 2, state field 4 (0A listens), inode field 10.
  const inodes = tables
    .flatMap((table) => table.split("\n"))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hexadecimal}`) && fields[3] === "0A")
    .map((fields) => `socket:[${fields[9]}]`);
  if (inodes.length === 0) return undefined;
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const fd of descriptors) {
      const to = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
      if (!inodes.includes(to)) continue;
      const program = await readlink(`/proc/${pid}/exe`).catch(() => "");
      return `${basename(program) || "a program"} (process ${pid})`;
    }
  }
  return undefined;
}

async function holderElsewhere(port: number): Promise<string | undefined> {
  const arguments_ = ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"];
  const answer = await promisify(execFile)("lsof", arguments_).catch(() => ({ stdout: "" }));
  const pid = /^p(\d+)$/m.exec(answer.stdout)?.[1];
  const program = /^c(.+)$/m.exec(answer.stdout)?.[1];
  return pid === undefined ? undefined : `${program ?? "a program"} (process ${pid})`;
}
