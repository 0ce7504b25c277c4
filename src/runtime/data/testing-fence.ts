import { Client } from "pg";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { SERVICE_ROLE } from "../../topology/roles.ts";

/** The superuser's hand on a server, for tests: what a move does to it. */
export interface Mover extends AsyncDisposable {
  run(text: string): Promise<void>;
  rows<R>(text: string): Promise<R[]>;
  /** Lets the service no longer write, from one moment on; what waits for the lock is refused. */
  fence(): Promise<void>;
  /** Lets it no longer read either. */
  fenceReads(): Promise<void>;
  /** Gives everything back. */
  unfence(): Promise<void>;
  /** All rows and the state of all sequences to a server with the same tables. */
  copyTo(target: Mover): Promise<void>;
}

/** The two ends of a move, which know the same password of the service. */
export interface MoveServers extends AsyncDisposable {
  readonly source: TestPostgres;
  readonly target: TestPostgres;
  readonly from: Mover;
  readonly to: Mover;
}

export async function startMoveServers(): Promise<MoveServers> {
  const start = () => startTestPostgres({ fsync: false, roles: true });
  const [source, target] = await Promise.all([start(), start()]);
  const [from, to] = await Promise.all([moverOf(source), moverOf(target)]);
  await to.run(`alter role ${SERVICE_ROLE} password '${source.service.password}'`);
  return {
    source,
    target,
    from,
    to,
    [Symbol.asyncDispose]: async () => {
      for (const mover of [from, to]) await mover[Symbol.asyncDispose]();
      await Promise.all([source, target].map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

const RIGHTS = "select, insert, update, delete";

async function moverOf(server: TestPostgres): Promise<Mover> {
  const client = new Client({ connectionString: server.connectionString });
  await client.connect();
  const run = async (text: string) => void (await client.query(text));
  const tables = async () =>
    (await client.query("select oid::regclass::text as name from pg_class where relkind = 'r' and oid >= 16384")).rows
      .map(({ name }: { name: string }) => name)
      .filter((name) => name !== "ninefold.fence");
  const rows = async <R>(text: string) => (await client.query(text)).rows as R[];
  return {
    run,
    rows,
    async copyTo(target) {
      const all = await tables();
      await target.run(`set session_replication_role = replica; truncate ${all.join(", ")}`);
      for (const table of all) {
        const columns = await rows<{ name: string }>(
          `select quote_ident(attname) as name from pg_attribute
           where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
        );
        const names = columns.map(({ name }) => name).join(", ");
        const [found] = await rows<{ all: string | null }>(`select json_agg(t)::text as all from ${table} t`);
        const values = (found?.all ?? "[]").replaceAll("'", "''");
        await target.run(`insert into ${table} (${names}) overriding system value
          select ${names} from json_populate_recordset(null::${table}, '${values}')`);
      }
      const sequences = await rows<{ name: string; last: string }>(
        "select format('%I.%I', schemaname, sequencename) as name, last_value::text as last from pg_sequences where last_value is not null",
      );
      for (const { name, last } of sequences) await target.run(`select setval('${name}', ${last})`);
      await target.run("reset session_replication_role");
    },
    async fence() {
      const all = (await tables()).join(", ");
      await run(`begin; lock table ${all} in exclusive mode;
        revoke insert, update, delete on ${all} from ${SERVICE_ROLE};
        insert into ninefold.fence (phase, at) values ('writes', now()); commit`);
    },
    async fenceReads() {
      await run(`begin; revoke select on ${(await tables()).join(", ")} from ${SERVICE_ROLE};
        update ninefold.fence set phase = 'all'; commit`);
    },
    async unfence() {
      await run(`begin; grant ${RIGHTS} on ${(await tables()).join(", ")} to ${SERVICE_ROLE};
        delete from ninefold.fence; commit`);
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}
