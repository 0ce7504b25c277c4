import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeAtomically } from "./files.ts";
import { MachineFolderUnusable } from "./problem.ts";
import { SYSTEM_FOLDER } from "./user.ts";

/** Deployments of one machine that can have hosts of their own at the same time. */
const NETWORKS = 255;

/**
 * The number of a service folder's network, 0 to 254: the same at each call, and no other deployment's on this machine.
 * Its hosts' addresses have it as their third part.
 * @param register folder that all deployments of the machine register in
 * @throws MachineFolderUnusable when all are taken
 */
export function networkOf(serviceFolder: string, register = registerFolder()): number {
  const kept = join(serviceFolder, ".ninefold", "network");
  const known = numberIn(kept);
  if (known !== undefined && claim(register, known, serviceFolder)) return known;
  const first = createHash("sha256").update(serviceFolder).digest().readUInt16BE() % NETWORKS;
  for (let step = 0; step < NETWORKS; step++) {
    const number = (first + step) % NETWORKS;
    if (!claim(register, number, serviceFolder)) continue;
    writeAtomically(kept, `${number}\n`, { mode: 0o600 });
    return number;
  }
  throw new MachineFolderUnusable({
    at: register,
    says: `all ${NETWORKS} networks of this machine are taken by other deployments`,
    fix: "Remove a deployment that is no longer needed with `ninefold down --destroy`",
  });
}

/** Gives the number back, for a deployment that is removed. */
export function releaseNetwork(serviceFolder: string, register = registerFolder()): void {
  const number = numberIn(join(serviceFolder, ".ninefold", "network"));
  if (number !== undefined && ownerOf(register, number) === serviceFolder) rmSync(join(register, String(number)));
  rmSync(join(serviceFolder, ".ninefold", "network"), { force: true });
}

/** Whether the number is ours now. One whose folder is gone, or says another number, is free. */
function claim(register: string, number: number, serviceFolder: string): boolean {
  const path = join(register, String(number));
  const owner = ownerOf(register, number);
  if (owner === serviceFolder) return true;
  if (owner !== undefined) {
    if (existsSync(owner) && (numberIn(join(owner, ".ninefold", "network")) ?? number) === number) return false;
    rmSync(path, { force: true });
  }
  mkdirSync(register, { recursive: true });
  try {
    chmodSync(register, 0o1777);
  } catch {
    // another user's, who has done so
  }
  try {
    writeFileSync(path, serviceFolder, { flag: "wx", mode: 0o644 });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
}

function ownerOf(register: string, number: number): string | undefined {
  try {
    return readFileSync(join(register, String(number)), "utf8");
  } catch {
    return undefined;
  }
}

function numberIn(path: string): number | undefined {
  try {
    const number = Number(readFileSync(path, "utf8"));
    return Number.isInteger(number) && number >= 0 && number < NETWORKS ? number : undefined;
  } catch {
    return undefined;
  }
}

/** As root a folder that stays; else one that all users may write, and that every deployment finds again. */
function registerFolder(): string {
  return process.getuid?.() === 0 ? join(SYSTEM_FOLDER, "networks") : join(tmpdir(), "ninefold-networks");
}
