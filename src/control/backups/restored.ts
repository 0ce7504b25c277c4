import { join } from "node:path";
import type { Placed } from "../../engines/engine.ts";
import { systemPostgres } from "../../engines/packages.ts";
import { type PostgresSpec, postgresEngine } from "../../engines/postgres/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import type { StatePaths } from "../paths.ts";
import { placedDatabase } from "../placed.ts";
import { StepFailed } from "../problem.ts";
import { until } from "../until.ts";
import { startFailed } from "../until-healthy.ts";
import { ask, type Server } from "./ask.ts";
import type { BackedUp } from "./cluster.ts";

/** Memory that a restored database may count on, in MiB: it is only looked at. */
const MEMORY_MB = 256;
/** Longest replay of the log, in milliseconds, and between two looks. */
const REPLAY_MS = 24 * 60 * 60_000;
const LOOK_MS = 200;
/** For a check of all pages. */
const CHECK_MS = 24 * 60 * 60_000;

/** How far it is; a server that ends meanwhile gives no answer. */
const REPLAY = `
  select case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() else 'over' end as state,
         pg_last_xact_replay_timestamp()::text as at`;

/** A restored database, on a unix socket only and read-only, apart from the cluster that it is of. */
export type Restored = Placed<PostgresSpec>;

export function restoredDatabase(machine: LocalMachine, paths: StatePaths, { restored, settings }: BackedUp): Restored {
  const { folder } = systemPostgres();
  const binaries = { postgres: join(folder, "postgres"), initdb: join(folder, "initdb") };
  // Replay needs room for as many connections as the primary has.
  const size = { maxConnections: Math.max(25, settings.maxConnections), memoryMb: MEMORY_MB };
  return placedDatabase(machine, paths, binaries, restored, size);
}

/** Starts it and returns when it has reached what it was restored to, and waits there. @throws StepFailed */
export async function replayed(
  machine: LocalMachine,
  restored: Restored,
  progress: (says: string) => void,
): Promise<void> {
  const { name } = restored;
  await machine.start(name, postgresEngine.command(restored));
  const failed = startFailed("restore-failed", machine);
  const look = async () => {
    const health = await postgresEngine.health(restored);
    // What the log lacks does not come by itself: PostgreSQL ends, and would again.
    const state = (await machine.list()).find((instance) => instance.name === name);
    if ((state?.restarts ?? 0) > 0) {
      await machine.stop(name);
      throw await failed(name, "PostgreSQL cannot reach what was wanted from this backup and its log");
    }
    if (!health.healthy) return { open: false as const, says: health.says };
    const [row] = await ask<{ state: string; at: string | null }>(serverOf(restored), "postgres", REPLAY).catch(
      () => [],
    );
    if (row?.state === "over") {
      await machine.stop(name);
      throw await failed(name, "PostgreSQL went on without reaching what was wanted");
    }
    return row?.state === "paused"
      ? { open: true as const }
      : { open: false as const, says: `replayed up to ${row?.at ?? "?"}` };
  };
  await until(look, {
    everyMs: LOOK_MS,
    withinMs: () => REPLAY_MS,
    signal: new AbortController().signal,
    progress,
    late: (says) => failed(name, says),
  });
}

/**
 * Compares every page with its checksum, while it does not run. Gives their number.
 * @throws StepFailed when one does not fit
 */
export async function checkPages(machine: LocalMachine, { name, folder }: Restored): Promise<number> {
  await machine.stop(name);
  const { code, stdout, stderr } = await machine.run(
    name,
    {
      file: join(systemPostgres().folder, "pg_checksums"),
      args: ["--check", "--pgdata", join(folder, "data")],
      env: { LC_ALL: "C" },
      cwd: folder,
      user: "engine",
      behind: true,
      stop: { signal: "SIGTERM", withinMs: 0 },
    },
    { ms: CHECK_MS },
  );
  const pages = /Blocks scanned:\s+(\d+)/.exec(stdout)?.[1];
  if (code === 0 && pages !== undefined) return Number(pages);
  throw new StepFailed("restored-damaged", {
    at: name,
    says: `pages do not fit their checksums: ${(stderr || stdout).trim().slice(-1_000)}`,
    fix: "restore another backup of `ninefold backup list`: this one, or the database when it was made, is damaged",
  });
}

/** Where it answers. */
export function serverOf({ sockets, spec }: Restored): Server {
  return { host: sockets, port: spec.port, secrets: spec.secrets };
}
