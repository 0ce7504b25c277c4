import { Client } from "pg";
import type { TestPostgres } from "../../engines/postgres/testing.ts";
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
}

const RIGHTS = "select, insert, update, delete";

export async function moverOf(server: TestPostgres): Promise<Mover> {
  const client = new Client({ connectionString: server.connectionString });
  await client.connect();
  const run = async (text: string) => void (await client.query(text));
  const tables = async () =>
    (await client.query("select oid::regclass::text as name from pg_class where relkind = 'r' and oid >= 16384")).rows
      .map(({ name }: { name: string }) => name)
      .filter((name) => name !== "ninefold.fence");
  return {
    run,
    rows: async (text) => (await client.query(text)).rows,
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
