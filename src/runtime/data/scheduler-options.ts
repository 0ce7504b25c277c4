import type { Logger } from "pino";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import type { Session } from "../session/index.ts";
import type { LinkOptions } from "./link.ts";
import type { Visibility } from "./visibility.ts";

export interface SchedulerOptions {
  readonly cluster: string;
  readonly address: DatabaseAddress;
  /** Number of the endpoints document that named the address. */
  readonly epoch: number;
  readonly connections: number;
  /** Longest wait for a database that is away, and for a free connection; milliseconds. */
  readonly holdMs: number;
  readonly busyMs: number;
  /** Most statements and transactions that wait at a time. */
  readonly maxWaiting: number;
  /** A server that is silent for longer while it owes an answer is given up; milliseconds, 0 for never. */
  readonly silenceMs: number;
  /** Raw text that only PostgreSQL's grammar can tell the kind of is parsed. */
  readonly parseRaw: boolean;
  readonly link: Omit<LinkOptions, "address">;
  readonly log: Logger | undefined;
  /** The database is fenced or away, and it is not known where it will be; called often while that lasts. */
  readonly onTrouble: () => void;
  readonly visibility: Visibility;
  /** Stands for all that is asked outside of a session, in this process. */
  readonly ambient: Session;
}

/** Figures since the start; see `Database.stats`. */
export interface DatabaseStats {
  readonly connections: { readonly limit: number; readonly open: number; readonly busy: number };
  /** Statements and transactions that wait for a connection now. */
  readonly waiting: number;
  /** Statements sent, and those that were answered together with an identical one instead. */
  readonly statements: number;
  readonly joined: number;
  /** Statements and transactions that were run again: connection lost, serialization failure, deadlock, changed schema. */
  readonly retries: number;
  /**
   * Standbys that can be read now, reads that they have answered, how often one had not replayed enough yet, and reads that
   * went to the primary instead.
   */
  readonly standbys?: {
    readonly open: number;
    readonly reads: number;
    readonly waits: number;
    readonly fallbacks: number;
  };
}
