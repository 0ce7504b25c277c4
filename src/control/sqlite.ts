import type { DatabaseSync } from "node:sqlite";

const WARNING = "SQLite is an experimental feature";

/** Loads `node:sqlite` without the warning that Node 22 gives; every other warning is left alone. */
export function openSqlite(path: string): DatabaseSync {
  const emit = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!String(warning).includes(WARNING)) emit.call(process, warning, ...rest);
  }) as typeof process.emitWarning;
  try {
    const { DatabaseSync: Database } = process.getBuiltinModule("node:sqlite");
    return new Database(path);
  } finally {
    process.emitWarning = emit;
  }
}
