import { readdir } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Kysely } from "kysely";
import { MigrationBroken } from "./migration-errors.ts";

/** A migration as its file gives it. */
export interface MigrationFile {
  /** The file's name without its extension; migrations run in the order of their names. */
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a migration works on a schema that has no type yet
  readonly up: (db: Kysely<any>) => Promise<void>;
  /** False for what PostgreSQL cannot do in a transaction, such as `create index concurrently`: `export const transaction = false`. */
  readonly transaction: boolean;
}

const EXTENSION = /(?<!\.d)\.[cm]?[jt]s$/;

/** Names of the migrations in a folder, in the order in which they run. Tests beside them are left out. */
export async function migrationNames(folder: string): Promise<string[]> {
  return (await migrationPaths(folder)).map(({ name }) => name);
}

/**
 * Loads the migrations of a folder in the order in which they run.
 * @throws MigrationBroken for a file that cannot be loaded or exports no `up`
 */
export async function loadMigrations(folder: string): Promise<MigrationFile[]> {
  const files: MigrationFile[] = [];
  for (const { name, path } of await migrationPaths(folder)) {
    let module: Record<string, unknown>;
    try {
      module = await import(pathToFileURL(path).href);
    } catch (cause) {
      throw new MigrationBroken(path, `it cannot be loaded: ${(cause as Error).message}`, { cause });
    }
    const { up, transaction } = (module.up === undefined ? (module.default ?? {}) : module) as Partial<MigrationFile>;
    if (typeof up !== "function") throw new MigrationBroken(path, "it exports no function `up`");
    files.push({ name, up, transaction: transaction !== false });
  }
  return files;
}

async function migrationPaths(folder: string): Promise<{ name: string; path: string }[]> {
  const entries = await readdir(resolve(folder), { withFileTypes: true }).catch((cause: Error) => {
    throw new MigrationBroken(folder, `the folder cannot be read: ${cause.message}`, { cause });
  });
  const found = entries
    .filter((entry) => entry.isFile() && EXTENSION.test(entry.name) && !/\.test\.[cm]?[jt]s$/.test(entry.name))
    .map((entry) => ({
      name: entry.name.slice(0, -extname(entry.name).length),
      path: join(resolve(folder), entry.name),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = found.find(({ name }, i) => found[i + 1]?.name === name);
  if (twice !== undefined) throw new MigrationBroken(twice.path, "another file has the same name but for its ending");
  return found;
}
