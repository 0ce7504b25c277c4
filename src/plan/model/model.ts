import type { DatabaseSettings, Replication } from "../step.ts";

/**
 * What a plan does to the world, without the world: the meaning of each step and of its undo, for reasoning and for tests.
 * Data, secrets and releases are kept by design; they are not part of what an undo must give back.
 */
export interface Model {
  readonly sockets: ReadonlySet<string>;
  /** Running instances of the service, and servers behind the balancer where there is one. */
  readonly instances: ReadonlySet<string>;
  readonly balancer: ReadonlySet<string> | undefined;
  /** Running clusters with their settings, and the one that serves. */
  readonly databases: ReadonlyMap<string, DatabaseSettings>;
  readonly serving: string | undefined;
  readonly etcd: ReadonlySet<string>;
  /** Standbys of clusters, the mode of those that are replicated, and who of each may be its primary by now. */
  readonly standbys: ReadonlyMap<string, ReadonlySet<string>>;
  readonly replication: ReadonlyMap<string, Replication>;
  readonly leads: ReadonlyMap<string, ReadonlySet<string>>;
  /** Standbys that the service reads from. */
  readonly readers: ReadonlySet<string>;
  /** Moves whose two sides follow each other. */
  readonly following: ReadonlySet<string>;
  readonly kept: { readonly data: ReadonlySet<string>; readonly releases: ReadonlySet<number> };
}

export const NOTHING: Model = {
  sockets: new Set(),
  instances: new Set(),
  balancer: undefined,
  databases: new Map(),
  serving: undefined,
  etcd: new Set(),
  standbys: new Map(),
  replication: new Map(),
  leads: new Map(),
  readers: new Set(),
  following: new Set(),
  kept: { data: new Set(), releases: new Set() },
};
