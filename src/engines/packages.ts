import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";
import { NinefoldError } from "../topology/problem.ts";

/** A package of Debian's (and Ubuntu's) that a rung needs, and where what we use of it is. */
export interface SystemPackage {
  readonly package: string;
  /** The first rung that needs it. */
  readonly rung: number;
  /** What it is for, in a few words. */
  readonly use: string;
  /** Absolute path of what was found of it; undefined when it is not installed. */
  readonly found: string | undefined;
  /** The rung runs without it: what it is for is refused until it is there. */
  readonly optional?: true;
}

/** Programs of the system that rung 2 and above run. */
export interface SystemPostgres {
  /** Folder of PostgreSQL's programs, and its major version, 15 or above. */
  readonly folder: string;
  readonly version: number;
  readonly patroni: string;
  readonly etcd: string;
}

/** The lowest major version of PostgreSQL that Ninefold runs. */
const LOWEST = 15;

/** The system lacks packages that a rung needs. */
export class PackagesMissing extends NinefoldError {
  constructor(packages: readonly string[], rung: number) {
    super("packages-missing", {
      at: "system packages",
      says: `${packages.join(", ")} ${packages.length === 1 ? "is" : "are"} not installed`,
      fix: `Run \`ninefold install --rung ${rung}\`, which shows the command, or does it with --yes`,
    });
  }
}

/**
 * The packages that rungs up to `rung` need, found or not.
 * @param root folder that takes the place of `/`; for tests
 */
export function systemPackages(rung: number, root = "/"): readonly SystemPackage[] {
  const all: SystemPackage[] = [
    { package: "postgresql", rung: 2, use: "the database", found: highestPostgres(root)?.folder },
    { package: "patroni", rung: 2, use: "keeps the database running, and who leads", found: program(root, "patroni") },
    { package: "etcd-server", rung: 2, use: "where Patroni keeps who leads", found: program(root, "etcd") },
    {
      package: "python3-etcd",
      rung: 2,
      use: "Patroni's way to etcd",
      found: readable(join(root, "usr/lib/python3/dist-packages/etcd/__init__.py")),
    },
    { package: "pgbackrest", rung: 2, use: "backups", found: program(root, "pgbackrest"), optional: true },
    { package: "haproxy", rung: 3, use: "the load balancer", found: program(root, "haproxy") },
  ];
  return all.filter((one) => one.rung <= rung);
}

/** Names of the packages for rungs up to `rung` that the system lacks, the optional ones included. */
export function missingPackages(rung: number, root = "/"): readonly string[] {
  return systemPackages(rung, root)
    .filter(({ found }) => found === undefined)
    .map((one) => one.package);
}

/**
 * Where the programs of rung 2 are; of several PostgreSQL the highest version.
 * @throws PackagesMissing
 */
export function systemPostgres(root = "/"): SystemPostgres {
  const postgres = highestPostgres(root);
  const patroni = program(root, "patroni");
  const etcd = program(root, "etcd");
  const missing = systemPackages(2, root)
    .filter(({ found, optional }) => found === undefined && optional !== true)
    .map((one) => one.package);
  if (missing.length > 0 || postgres === undefined || patroni === undefined || etcd === undefined) {
    throw new PackagesMissing(missing, 2);
  }
  return { ...postgres, patroni, etcd };
}

/**
 * Where HAProxy is.
 * @throws PackagesMissing
 */
export function systemHaproxy(root = "/"): string {
  const found = program(root, "haproxy");
  if (found === undefined) throw new PackagesMissing(["haproxy"], 3);
  return found;
}

/**
 * Where pgBackRest is.
 * @throws PackagesMissing
 */
export function systemPgbackrest(root = "/"): string {
  const found = program(root, "pgbackrest");
  if (found === undefined) throw new PackagesMissing(["pgbackrest"], 2);
  return found;
}

/** Debian keeps each major version in a folder of its own, outside PATH. */
function highestPostgres(root: string): { folder: string; version: number } | undefined {
  const versions = entries(join(root, "usr/lib/postgresql"))
    .map(Number)
    .filter((version) => Number.isInteger(version) && version >= LOWEST)
    .sort((a, b) => b - a);
  return versions
    .map((version) => ({ version, folder: join(root, "usr/lib/postgresql", String(version), "bin") }))
    .find(({ folder }) => runnable(join(folder, "postgres")) && runnable(join(folder, "initdb")));
}

function program(root: string, name: string): string | undefined {
  return ["usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"]
    .map((folder) => join(root, folder, name))
    .find(runnable);
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function runnable(path: string): boolean {
  return allows(path, constants.X_OK);
}

function readable(path: string): string | undefined {
  return allows(path, constants.R_OK) ? path : undefined;
}

function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
