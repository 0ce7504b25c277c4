import { Client, type ClientBase } from "pg";
import { type DatabasePasswords, type Server, SUPERUSER } from "../engines/postgres/index.ts";
import { MoveFailed } from "./problem.ts";

/** One of the two databases of a move. */
export interface Side {
  /** What messages call it, such as `dc1.db.1`. */
  readonly name: string;
  /** TCP address, or folder of the unix socket, and port. The other side's server must reach it by the same name. */
  readonly server: Server;
  readonly database: string;
  readonly passwords: DatabasePasswords;
  /** Has processes of the server, by their numbers, run only where others leave a processor; absent where that cannot be had. */
  readonly background?: (pids: readonly number[]) => void;
}

/** A side with one connection, as superuser, that stays open from step to step; opening one inside the pause would cost. */
export interface OpenSide extends Side {
  /** Rows of one statement, or of the last of several. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** `work` in one transaction. Only one at a time. */
  transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
  /** A connection of its own, closed after `work`, and at once when the signal says so. */
  apart<T>(work: (client: ClientBase) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The same for long work that nobody waits for: behind the service, where processors are scarce. */
  inBackground<T>(work: (client: ClientBase) => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

/**
 * The text of our statements holds passwords of the stream, and may be slow: it stays out of the log whatever its settings. Nor does
 * one statement take several processors, which the service needs.
 */
const SETTINGS = `set max_parallel_workers_per_gather = 0; set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic';
  set log_duration = off; set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = '60s';
  set datestyle = 'iso, mdy'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set extra_float_digits = 1;
  set bytea_output = 'hex'; set search_path = pg_catalog; set check_function_bodies = off`;

/** Connects when it is first needed, and again after a broken connection. @param application name that the server shows */
export function openSide(side: Side, application: string): OpenSide {
  let kept: Promise<Client> | undefined;

  async function connect(): Promise<Client> {
    const client = new Client({
      ...side.server,
      database: side.database,
      user: SUPERUSER,
      password: side.passwords[SUPERUSER],
      application_name: application,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    client.on("error", () => undefined); // the query in hand fails with the same error
    try {
      await client.connect();
      await client.query(SETTINGS);
      return client;
    } catch (cause) {
      await client.end().catch(() => undefined);
      throw unreachable(side, cause);
    }
  }

  async function shared(): Promise<Client> {
    kept ??= connect().then((client) => {
      client.once("end", () => {
        kept = undefined;
      });
      return client;
    });
    return kept.catch((cause: unknown) => {
      kept = undefined;
      throw cause;
    });
  }

  async function transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
    const client = await shared();
    await client.query("begin");
    try {
      const made = await work(client);
      await client.query("commit");
      return made;
    } catch (cause) {
      await client.query("rollback").catch(() => undefined);
      throw cause;
    }
  }

  async function apart<T>(work: (client: Client) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const client = await connect();
    const stop = () => void client.end().catch(() => undefined);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await work(client);
    } catch (cause) {
      signal?.throwIfAborted();
      throw cause;
    } finally {
      signal?.removeEventListener("abort", stop);
      await client.end().catch(() => undefined);
    }
  }

  return {
    ...side,
    transaction,
    query: async <Row extends object>(text: string, values?: readonly unknown[]) => {
      const client = await shared();
      const result: unknown = await (values === undefined ? client.query(text) : client.query(text, [...values]));
      const last = Array.isArray(result) ? result.at(-1) : result;
      return (last as { rows: Row[] }).rows;
    },
    apart,
    inBackground: (work, signal) =>
      apart(async (client) => {
        const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
        side.background?.(rows.map(({ pid }) => pid));
        return work(client);
      }, signal),
    close: async () => {
      const client = await kept?.catch(() => undefined);
      await client?.end().catch(() => undefined);
      kept = undefined;
    },
  };
}

/** Whether this is what {@link OpenSide} throws when the database cannot be reached. */
export function isUnreachable(cause: unknown): boolean {
  return cause instanceof MoveFailed && cause.code === "move-unreachable";
}

/** Whether the database cannot be reached, or ended while it was at work on a statement. */
export function isLost(cause: unknown): boolean {
  if (isUnreachable(cause)) return true;
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  return /^(57P0[123]|08...|ECONNRESET|EPIPE)$/.test(code) || /^Connection terminated|not queryable/.test(message);
}

function unreachable(side: Side, cause: unknown): MoveFailed {
  const says = `cannot sign in: ${(cause as Error).message}`;
  const fix = "see that it runs and accepts connections, then try again";
  return new MoveFailed("move-unreachable", { at: side.name, says, fix }, { cause });
}
