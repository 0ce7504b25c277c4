import { longestTransaction } from "./fence.ts";
import { publish } from "./flow.ts";
import { type Move, type StepContext, stream } from "./move.ts";
import { hasNotes, notesStatements } from "./notes.ts";
import { literal, MOVES } from "./relations.ts";
import { untilLocked, waitFor } from "./wait.ts";

/**
 * Tables whose rows the stream could not tell apart when they are changed, and how to make it able to: by a unique index over
 * columns that are never null, else by the whole row. An SQL query of name, statement and the statement that undoes it.
 */
const IDENTITIES = `
  select format('%I.%I', n.nspname, c.relname) as name,
         format('alter table %I.%I replica identity %s', n.nspname, c.relname,
           case when exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) then 'default'
                else coalesce('using index ' || quote_ident(u.name), 'full') end) as statement,
         format('alter table %I.%I replica identity %s', n.nspname, c.relname,
           case c.relreplident when 'n' then 'nothing' else 'default' end) as undo
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join lateral (
    select k.relname as name from pg_index i join pg_class k on k.oid = i.indexrelid
    where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null
      and not exists (select from unnest(i.indkey::int2[]) key join pg_attribute a on a.attrelid = c.oid and a.attnum = key
                      where not a.attnotnull)
    order by i.indnatts, k.relname limit 1
  ) u on true
  where c.relkind = 'r' and ${MOVES}
    and (c.relreplident = 'n'
      or c.relreplident = 'd' and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary))`;

/**
 * Makes the source ready to be followed: schema changes are refused from now on, every table gets an identity of rows that the stream
 * can follow, and all changes are kept for the target from here. Nothing else changes for the service.
 * @throws MoveFailed `move-late` when a transaction is open for longer than 60 s
 */
export async function prepareSource(move: Move, context: StepContext): Promise<void> {
  const { source, schema } = move;
  const { signal, progress } = context;
  if (!(await hasNotes(source, schema))) {
    await source.transaction((client) => client.query(notesStatements(schema)));
  }
  // A change of the schema that began before the guard was there must have ended before the schema is read.
  const [now] = await source.query<{ next: string }>("select pg_snapshot_xmax(pg_current_snapshot())::text as next");
  progress({ says: `wait for transactions under way at ${source.name}` });
  await waitFor(
    async () => {
      const ended = await source.query("select where pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8", [now?.next]);
      return ended.length > 0 ? true : undefined;
    },
    {
      everyMs: 20,
      withinMs: 60_000,
      signal,
      at: source.name,
      what: `the end of transactions that were under way (${await longestTransaction(source)})`,
      fix: "end it, then try again",
    },
  );
  for (const table of await source.query<{ name: string; statement: string; undo: string }>(IDENTITIES)) {
    await untilLocked(
      () =>
        source.transaction(async (client) => {
          await client.query("set local lock_timeout = 200; set local deadlock_timeout = '20ms'");
          await client.query(table.statement);
          await client.query(
            `insert into ${schema}.undo (kind, statement) values ('identity', ${literal(table.undo)})`,
          );
        }),
      {
        withinMs: 30_000,
        signal,
        at: table.name,
        what: "give the table an identity of rows",
        blocker: () => longestTransaction(source),
      },
    );
  }
  await publish(stream(move), schema, context);
}
