import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { Placed } from "../engine.ts";
import { databasePasswords } from "../postgres/passwords.ts";
import type { PatroniSpec } from "./spec.ts";

/** Writes that were acknowledged, and how long none was. */
export interface Ledger {
  readonly acknowledged: readonly number[];
  /** Milliseconds from the last acknowledged write until now. */
  silence(): number;
  /** Fulfils when a write that begins after this call has been acknowledged. */
  writes(withinMs: number): Promise<void>;
  /** Ends the writing. @returns milliseconds of the longest time without an acknowledged write */
  stop(): Promise<number>;
}

/** The table that ledgers write to, made by the owner. */
export const LEDGER = "create table if not exists ledger (n int primary key)";

let next = 0;

/** Writes rows, one each transaction, to whichever member is the primary, until it is stopped. */
export async function startLedger(members: readonly Placed<PatroniSpec>[]): Promise<Ledger> {
  const acknowledged: number[] = [];
  const password = (await databasePasswords(members[0]?.spec.secrets ?? "")).ninefold_service;
  let [last, longest, ending] = [performance.now(), 0, false];
  let unknown = false;

  const open = async ({ spec }: Placed<PatroniSpec>): Promise<Client> => {
    const client = new Client({
      host: spec.address,
      port: spec.port,
      user: "ninefold_service",
      password,
      database: spec.database,
      connectionTimeoutMillis: 500,
      query_timeout: 2_000,
    });
    client.on("error", () => undefined);
    // "The transaction has already committed locally, but might not have been replicated": no acknowledgement.
    client.on("notice", () => {
      unknown = true;
    });
    try {
      await client.connect();
      const { rows } = await client.query("select pg_is_in_recovery() as standby");
      if (rows[0].standby) throw new Error("a standby");
      return client;
    } catch (cause) {
      close(client);
      throw cause;
    }
  };

  const loop = async () => {
    let client: Client | undefined;
    while (!ending) {
      try {
        client ??= await Promise.any(members.map(open));
        const n = next++;
        unknown = false;
        await client.query("insert into ledger values ($1)", [n]);
        if (unknown) continue;
        acknowledged.push(n);
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      } catch {
        if (client !== undefined) close(client);
        client = undefined;
      }
      await delay(10);
    }
    if (client !== undefined) close(client);
  };
  const done = loop();

  return {
    acknowledged,
    silence: () => performance.now() - last,
    writes: async (withinMs) => {
      const before = next;
      for (const deadline = Date.now() + withinMs; Date.now() < deadline; await delay(5))
        if ((acknowledged.at(-1) ?? -1) >= before) return;
      throw new Error(`no write was acknowledged for ${withinMs} ms`);
    },
    stop: async () => {
      ending = true;
      await done;
      return Math.max(longest, performance.now() - last);
    },
  };
}

/** At once: a server that was stopped does not answer a goodbye. */
function close(client: Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
