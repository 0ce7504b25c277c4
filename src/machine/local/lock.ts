import { DatabaseSync } from "node:sqlite";

// A database that nobody refers to is closed by the garbage collector, and its lock is gone with it.
const held = new Set<DatabaseSync>();

/**
 * A lock that a process holds until it ends, in whatever way: SQLite locks the file through the system, which lets go
 * of it when the process is gone. A file with a pid would have to be judged stale by somebody.
 * @returns a function that lets go, or undefined when another process holds the lock
 */
export function lock(path: string): (() => void) | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec("pragma busy_timeout = 0; begin exclusive");
  } catch (cause) {
    database.close();
    if ((cause as { errcode?: number }).errcode === 5) return undefined; // SQLITE_BUSY
    throw cause;
  }
  held.add(database);
  return () => {
    held.delete(database);
    database.close();
  };
}
