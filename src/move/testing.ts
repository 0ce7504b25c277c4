import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client, Pool } from "pg";
import { systemPostgres } from "../engines/packages.ts";
import { type PostgresBinaries, SUPERUSER } from "../engines/postgres/index.ts";
import { startTestPostgres, type TestPostgres } from "../engines/postgres/testing.ts";
import { type Move, type MoveSpec, openMove, type StepContext } from "./move.ts";
import type { Side } from "./side.ts";

export const PG_DUMP = join(systemPostgres().folder, "pg_dump");

export const context = (): StepContext => ({ signal: new AbortController().signal, progress: () => undefined });

/** A schema with what the stream leaves out or stumbles over: identities, sequences, cascades, functions, row security, partitions. */
const SCHEMA = `
  create table accounts (id bigint generated always as identity primary key, name text not null unique, balance int not null default 0);
  create table ledger (id bigint generated always as identity primary key, op uuid not null, account bigint not null references accounts on delete cascade, amount int not null, at timestamptz not null default now());
  create index ledger_by_op on ledger (op);
  create table no_key (tag text not null, n int);
  create table unique_only (code text not null unique, n int);
  create table parts (id int not null, body text, primary key (id)) partition by range (id);
  create table parts_low partition of parts for values from (0) to (1000);
  create table parts_high partition of parts for values from (1000) to (1000000);
  create sequence tickets start 100 increment 5;
  create table "Odd ""Name" ("Key" text primary key, v jsonb, b bytea, gen int generated always as (length("Key")) stored);
  create table secret (id int primary key, v text);
  alter table secret enable row level security;
  create policy all_rows on secret to ninefold_service using (true) with check (true);
  create function add_entry(op uuid, account bigint, amount int) returns void language sql security definer set search_path = public
    as 'insert into ledger (op, account, amount) values (op, account, amount)';
  create view balances as select account, sum(amount) as total from ledger group by account;
  create materialized view totals as select count(*) as n from accounts;
  create function touch() returns trigger language plpgsql as 'begin new.n := coalesce(new.n, 0) + 1; return new; end';
  create trigger touch before update on no_key for each row execute function touch();
  comment on index ledger_by_op is 'finds an entry again';
`;

/** Rows: `n` accounts, each with an entry, and some of every other table. */
const ROWS = `
  insert into accounts (name) select 'a' || i from generate_series(1, $n) i;
  insert into ledger (op, account, amount) select gen_random_uuid(), i, i % 7 from generate_series(1, $n) i;
  insert into no_key select 't' || i % 3, i from generate_series(1, 20) i;
  insert into unique_only select 'u' || i, i from generate_series(1, 20) i;
  insert into parts select i * 37, 'body ' || i from generate_series(1, 200) i;
  insert into "Odd ""Name" values ('x', '{"a": 1}', '\\x00ff'), ('y', null, null);
  insert into secret values (1, 'hidden'), (2, 'too');
  select setval('tickets', 500);
`;

export interface TestMove extends AsyncDisposable {
  readonly source: TestPostgres;
  readonly target: TestPostgres;
  readonly spec: MoveSpec;
  readonly move: Move;
}

/**
 * Two servers of their own, the first with rows, and a move between them.
 * @param options.to another version for the second
 * @param options.disk folder of the second
 */
export async function testMove(
  options: { rows?: number; id?: string; to?: PostgresBinaries; disk?: string } = {},
): Promise<TestMove> {
  const [source, target] = await Promise.all([
    startTestPostgres({ roles: true }),
    startTestPostgres({
      roles: true,
      ...(options.to === undefined ? {} : { binaries: options.to }),
      ...(options.disk === undefined ? {} : { parent: options.disk }),
    }),
  ]);
  await asRole(source, source.owner, async (client) => {
    await client.query(SCHEMA);
    await client.query(ROWS.replaceAll("$n", String(options.rows ?? 200)));
  });
  const spec: MoveSpec = {
    id: options.id ?? "t1",
    source: sideOf(source, "dc1.db.1"),
    target: sideOf(target, "dc1.db.2"),
    pgDump: PG_DUMP,
  };
  const move = openMove(spec);
  return {
    source,
    target,
    spec,
    move,
    [Symbol.asyncDispose]: async () => {
      await move[Symbol.asyncDispose]();
      await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
    },
  };
}

export function sideOf(server: TestPostgres, name: string): Side {
  return {
    name,
    server: { host: server.host, port: server.port },
    database: server.database,
    passwords: {
      [SUPERUSER]: server.superuser.password,
      ninefold_owner: server.owner.password,
      ninefold_service: server.service.password,
    },
  };
}

export async function asRole<T>(
  server: TestPostgres,
  role: { user: string; password: string },
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ host: server.host, port: server.port, database: server.database, ...role });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function rows<Row extends object>(server: TestPostgres, text: string, values?: unknown[]): Promise<Row[]> {
  return asRole(server, server.superuser, async (client) => (await client.query<Row>(text, values)).rows);
}

/** Writers that behave as the runtime does: what a fence refuses is done again where `point` says next. */
export class Writers {
  readonly acknowledged: string[] = [];
  readonly failures: string[] = [];
  longestMs = 0;
  #at: TestPostgres;
  #pools = new Map<TestPostgres, Pool>();
  #moved = Promise.withResolvers<void>();
  #going = true;
  #work: Promise<unknown>;

  constructor(at: TestPostgres, count = 8, everyMs = 30) {
    this.#at = at;
    this.#work = Promise.all(Array.from({ length: count }, (_, index) => this.#write(index, everyMs)));
  }

  point(at: TestPostgres): void {
    this.#at = at;
    this.#moved.resolve();
    this.#moved = Promise.withResolvers<void>();
  }

  /** Resolves when so many more writes were acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    while (this.acknowledged.length < goal) await delay(5);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#work;
    await Promise.all([...this.#pools.values()].map((pool) => pool.end()));
  }

  async #write(index: number, everyMs: number): Promise<void> {
    while (this.#going) {
      const op = randomUUID();
      const began = performance.now();
      for (;;) {
        const at = this.#at;
        try {
          await this.#once(at, op, index);
          this.acknowledged.push(op);
          break;
        } catch (cause) {
          const { code, message } = cause as { code?: string; message: string };
          if (code !== "42501") {
            this.failures.push(`${code} ${message}`);
            break;
          }
          await Promise.race([this.#moved.promise, delay(100)]); // as the runtime does: for new endpoints, or the fence's end
        }
      }
      this.longestMs = Math.max(this.longestMs, performance.now() - began);
      await delay(everyMs * Math.random() * 2);
    }
  }

  /** One transaction of several tables, or a function of the owner's, or a single statement. */
  async #once(at: TestPostgres, op: string, index: number): Promise<void> {
    const pool = this.#pool(at);
    if (index % 3 === 0) {
      await pool.query("select add_entry($1, $2, 1)", [op, index + 1]);
      return;
    }
    if (index % 3 === 1) {
      await pool.query("insert into ledger (op, account, amount) values ($1, $2, 1)", [op, index + 1]);
      return;
    }
    const client = await pool.connect();
    try {
      await client.query("begin");
      await client.query("insert into ledger (op, account, amount) values ($1, $2, 1)", [op, index + 1]);
      await client.query("update accounts set balance = balance + 1 where id = $1", [index + 1]);
      await client.query("update no_key set n = n + 1 where tag = 't1'");
      await client.query("select nextval('tickets')");
      await client.query("commit");
    } catch (cause) {
      await client.query("rollback").catch(() => undefined);
      throw cause;
    } finally {
      client.release();
    }
  }

  #pool(at: TestPostgres): Pool {
    let pool = this.#pools.get(at);
    if (pool === undefined) {
      pool = new Pool({ host: at.host, port: at.port, database: at.database, ...at.service, max: 10 });
      pool.on("error", () => undefined);
      this.#pools.set(at, pool);
    }
    return pool;
  }
}

/** Acknowledged operations that are missing from, or twice in, the server's ledger. */
export async function audit(
  server: TestPostgres,
  acknowledged: readonly string[],
): Promise<{ lost: number; duplicated: number }> {
  const [row] = await rows<{ lost: number; duplicated: number }>(
    server,
    `select count(*) filter (where found = 0)::int as lost, count(*) filter (where found > 1)::int as duplicated
     from (select count(l.id) as found from unnest($1::uuid[]) a(op) left join ledger l on l.op = a.op group by a.op) x`,
    [acknowledged],
  );
  return row ?? { lost: -1, duplicated: -1 };
}
