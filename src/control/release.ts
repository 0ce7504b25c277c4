import { type Dirent, existsSync } from "node:fs";
import { copyFile, mkdir, open, readdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { writeDurably } from "./format.ts";
import type { StatePaths } from "./paths.ts";
import { ReleaseRefused } from "./problem.ts";

/** Folders that are no part of a release, wherever they are. */
const LEFT_OUT: ReadonlySet<string> = new Set(["node_modules", ".git", ".ninefold"]);

/** Names of the service module, in the order in which they are looked for. */
const MODULES = ["service.ts", "service.mts", "service.js", "service.mjs"];

/** A release larger than this is taken for a mistake: data or build output in the service's folder. */
const LARGEST_RELEASE = { bytes: 512 * 1024 * 1024, files: 50_000 };

/** What is known of a release once its module was loaded. */
const ReleaseFacts = z.object({ service: z.string(), at: z.number(), migrations: z.array(z.string()).default([]) });
export type ReleaseFacts = z.infer<typeof ReleaseFacts>;

export function releaseFolder(paths: StatePaths, release: number): string {
  return join(paths.releases, String(release));
}

/**
 * Copies the service's folder, or an earlier release, to a release of its own, whole or not at all. Links inside the folder
 * stay links; those that lead out of it lead to the same place from the release.
 * Throws ReleaseRefused.
 */
export async function makeRelease(
  folder: string,
  paths: StatePaths,
  release: number,
  from: "folder" | number,
  limits = LARGEST_RELEASE,
): Promise<void> {
  const target = releaseFolder(paths, release);
  if (existsSync(target)) return;
  const source = from === "folder" ? folder : releaseFolder(paths, from);
  if (!existsSync(source)) throw missing(source);
  if (from === "folder") serviceModule(source);
  const files = await listFiles(source, limits);
  const half = `${target}.new`;
  await rm(half, { recursive: true, force: true });
  await mkdir(half, { recursive: true, mode: 0o700 });
  for (const { path, kind } of files) await copy(join(source, path), join(half, path), kind, source);
  await rename(half, target);
  await syncFolder(paths.releases);
}

/** The service module in a folder. Throws ReleaseRefused when there is none. */
export function serviceModule(folder: string): string {
  const found = MODULES.find((name) => existsSync(join(folder, name)));
  if (found !== undefined) return join(folder, found);
  throw new ReleaseRefused({
    at: folder,
    says: "there is no `service.ts` here",
    fix: "run this in the folder of a service, or make one with `ninefold init`",
  });
}

/**
 * Environment of the service's processes: what its `.env` file says, `NODE_ENV` being `production` unless it says
 * otherwise, and the few variables of the system that programs expect.
 */
export async function releaseEnvironment(folder: string): Promise<Record<string, string>> {
  const text = await readFile(join(folder, ".env"), "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    return "";
  });
  const inherited = ["HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"].map((name) => [name, process.env[name]] as const);
  const own = Object.entries(parseEnv(text));
  const all = [["NODE_ENV", "production"] as const, ...inherited, ...own];
  return Object.fromEntries(all.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

export async function writeFacts(paths: StatePaths, release: number, facts: ReleaseFacts): Promise<void> {
  await writeDurably(factsFile(paths, release), `${JSON.stringify(facts)}\n`, 0o600);
}

export async function readFacts(paths: StatePaths, release: number): Promise<ReleaseFacts | undefined> {
  const text = await readFile(factsFile(paths, release), "utf8").catch(() => undefined);
  return text === undefined ? undefined : ReleaseFacts.safeParse(JSON.parse(text)).data;
}

/** Numbers of the releases on disk. */
export async function releasesOnDisk(paths: StatePaths): Promise<number[]> {
  const names = await readdir(paths.releases).catch(() => []);
  return names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
}

export async function removeRelease(paths: StatePaths, release: number): Promise<void> {
  await rm(releaseFolder(paths, release), { recursive: true, force: true });
  await rm(factsFile(paths, release), { force: true });
}

function factsFile(paths: StatePaths, release: number): string {
  return join(paths.releases, `${release}.json`);
}

interface Entry {
  readonly path: string;
  readonly kind: "file" | "link" | "folder";
  readonly bytes: number;
}

async function listFiles(root: string, limits: typeof LARGEST_RELEASE): Promise<Entry[]> {
  const found: Entry[] = [];
  const sizes = new Map<string, number>();
  let bytes = 0;
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      const kind = kindOf(entry);
      if (kind === undefined || (kind !== "file" && LEFT_OUT.has(entry.name))) continue;
      const size = kind === "file" ? (await stat(join(root, path))).size : 0;
      const top = path.split(sep, 1)[0] ?? path;
      sizes.set(top, (sizes.get(top) ?? 0) + size);
      bytes += size;
      found.push({ path, kind, bytes: size });
      if (bytes > limits.bytes || found.length > limits.files) throw tooLarge(root, limits, sizes);
      if (kind === "folder") await walk(path);
    }
  };
  await walk("");
  return found;
}

/** Sockets, pipes and devices are no code. */
function kindOf(entry: Dirent): Entry["kind"] | undefined {
  if (entry.isDirectory()) return "folder";
  if (entry.isSymbolicLink()) return "link";
  return entry.isFile() ? "file" : undefined;
}

async function copy(from: string, to: string, kind: Entry["kind"], root: string): Promise<void> {
  if (kind === "folder") {
    await mkdir(to, { mode: 0o700 });
    return;
  }
  if (kind === "link") {
    const leads = resolve(dirname(from), await readlink(from));
    const inside = !relative(root, leads).startsWith("..");
    await symlink(inside ? relative(dirname(from), leads) : leads, to);
    return;
  }
  await copyFile(from, to);
  // The release must be whole after a loss of power, or an instance would start from half of a file.
  await using file = await open(to, "r");
  await file.datasync();
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

function tooLarge(root: string, limits: typeof LARGEST_RELEASE, sizes: ReadonlyMap<string, number>): ReleaseRefused {
  const largest = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 3);
  const names = largest.map(([name, size]) => `${name} (${Math.ceil(size / 1_048_576)} MB)`).join(", ");
  return new ReleaseRefused({
    at: root,
    says: `the folder has more than ${limits.files} files or ${limits.bytes / 1_048_576} MB of code; the largest are ${names}`,
    fix: "move data and build output out of the service's folder",
  });
}

function missing(source: string): ReleaseRefused {
  return new ReleaseRefused({
    at: source,
    says: "it is not there",
    fix: "run `ninefold deploy` to make a release of the code",
  });
}
