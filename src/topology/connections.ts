import type { Topology } from "./topology.ts";

/**
 * Connections of each cluster that pools never take: the reserve for superusers (5, `superuser_reserved_connections`; Ninefold's
 * health checks use it), migrations (3), and people with `psql` or a backup (4).
 */
export const RESERVED_CONNECTIONS = 12;

/** Connections that a job worker holds beside its pool, to fetch and settle jobs and to keep its lease (`QUEUE_CONNECTIONS`). */
const WORKER_EXTRA = 3;

export interface ConnectionBudget {
  readonly max: number;
  readonly reserved: number;
  /** What all pools may take at rest. */
  readonly pools: number;
  /** What they may take during a rolling change, when one new server and one new worker stand beside the old ones. */
  readonly peak: number;
  /** What to change when `peak` does not fit. */
  readonly fix: string;
}

/** Instances of the service whose pools are open at the same time. */
export interface Running {
  readonly apps: number;
  readonly workers: number;
}

/** Connections that so many instances may take. */
export function pooled({ app, workers }: Topology, running: Running): number {
  return running.apps * app.connections + running.workers * (workers.connections + WORKER_EXTRA);
}

/** The arithmetic of `max_connections` of `databases.main` against the pools of the service, old and new instances included. */
export function connectionBudget(topology: Topology): ConnectionBudget {
  const { app, workers } = topology;
  const centers = Object.keys(topology.datacenters).length;
  const rest = { apps: app.servers * centers, workers: workers.servers };
  const pools = pooled(topology, rest);
  const peak = Math.max(
    pooled(topology, { ...rest, apps: rest.apps + 1 }),
    pooled(topology, { ...rest, workers: rest.workers + Math.min(1, rest.workers) }),
  );
  const max = topology.databases.main?.maxConnections ?? 0;
  const each = Math.floor(
    (max - RESERVED_CONNECTIONS - pooled(topology, { apps: 0, workers: rest.workers })) / (rest.apps + 1),
  );
  const lower = each >= 1 ? `lower \`app.connections\` to ${each} or less, or ` : "";
  return {
    max,
    reserved: RESERVED_CONNECTIONS,
    pools,
    peak,
    fix: `${lower}raise \`databases.main.maxConnections\` to ${peak + RESERVED_CONNECTIONS}`,
  };
}

/** Whether old and new instances of a change fit: `limits` is the topology PostgreSQL runs with. */
export function fits(
  limits: Topology,
  running: readonly { readonly topology: Topology; readonly running: Running }[],
): boolean {
  const taken = running.reduce((sum, one) => sum + pooled(one.topology, one.running), 0);
  return taken <= (limits.databases.main?.maxConnections ?? 0) - RESERVED_CONNECTIONS;
}
