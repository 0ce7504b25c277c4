import { randomBytes } from "node:crypto";
import { scramVerifier } from "../engines/postgres/index.ts";
import { longestTransaction } from "./fence.ts";
import type { Flow, StepContext } from "./move.ts";
import { hasNotes } from "./notes.ts";
import { MoveFailed } from "./problem.ts";
import { literal, tables } from "./relations.ts";
import type { OpenSide } from "./side.ts";
import { untilLocked, waitFor } from "./wait.ts";

/**
 * Publication, role and slot at the publisher. The slot comes last, since it cannot decode what was written before the
 * publication was there; making it waits for every transaction that is writing now.
 * @param schema of the move's notes, whose marker is published too
 */
export async function publish(flow: Flow, schema: string, { signal, progress }: StepContext): Promise<void> {
  const { name, from, to } = flow;
  await from.query(
    `do $$ begin create role ${name} login replication bypassrls; exception when duplicate_object then null; end $$;
     grant pg_read_all_data to ${name}; grant connect on database ${quoted(from.database)} to ${name}`,
  );
  const [follower] = await to.query<{ system: string }>(
    "select system_identifier::text as system from pg_control_system()",
  );
  await from.query(
    `insert into ${schema}.follower values ($1, $2) on conflict (flow) do update set system = excluded.system`,
    [name, follower?.system],
  );
  const known = await from.query("select from pg_publication where pubname = $1", [name]);
  if (known.length === 0) {
    const list = [...(await tables(from)).map((table) => table.name), `${schema}.marker`].join(", ");
    await untilLocked(
      () =>
        from.transaction(async (client) => {
          await client.query("set local lock_timeout = 200; set local deadlock_timeout = '20ms'");
          await client.query(`create publication ${name} for table ${list}`);
        }),
      { withinMs: 60_000, signal, at: from.name, what: "publish the tables", blocker: () => longestTransaction(from) },
    );
  }
  const slots = await from.query<{ status: string }>(
    "select coalesce(wal_status, 'lost') as status from pg_replication_slots where slot_name = $1 and database = current_database()",
    [name],
  );
  if (slots.length > 0) return;
  progress({ says: `wait for transactions under way at ${from.name}` });
  await from.apart(
    (client) => client.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [name]),
    signal,
  );
}

/**
 * The subscription at the other side.
 * Each commit is safe on its disk before the publisher is told, once the rows are copied ({@link commitAtOnce}). With the default, the
 * publisher hears of it only when the subscriber's WAL writer ran, up to 600 ms later: the largest part of a cut-over's pause.
 * Since version 16 rows arrive as the owner of their table, whom the fence keeps out of a target, unless told otherwise; since
 * version 18 long transactions arrive before they are committed, unless told otherwise.
 * @param how.copy rows that are there already are copied first; else only changes flow
 * @param how.enabled starts at once
 */
export async function subscribe(flow: Flow, how: { copy: boolean; enabled: boolean }): Promise<void> {
  const { name, from, to } = flow;
  const known = await subscriptions(to, name);
  if (known.length > 0) return;
  // Made anew as long as no subscription uses it, so that it need not be kept anywhere else.
  const password = randomBytes(24).toString("base64url");
  await from.query(`alter role ${name} password ${literal(scramVerifier(password))}`);
  const { host = "localhost", port = 5432 } = from.server;
  const connection = Object.entries({ host, port, dbname: from.database, user: name, password, application_name: name })
    .map(([key, value]) => `${key}='${String(value).replaceAll(/['\\]/g, "\\$&")}'`)
    .join(" ");
  const [as] = await to.query<{ owner: boolean }>(
    "select current_setting('server_version_num')::int >= 160000 as owner",
  );
  await to
    .query(
      `create subscription ${name} connection ${literal(connection)} publication ${name}
       with (create_slot = false, slot_name = '${name}', copy_data = ${how.copy}, enabled = ${how.enabled},
             synchronous_commit = '${how.copy ? "off" : "on"}', streaming = off${as?.owner ? ", run_as_owner = true" : ""})`,
    )
    .catch((cause: unknown) => {
      const says = `cannot follow ${from.name}: ${(cause as Error).message.replaceAll(password, "***")}`;
      const fix = `see that ${to.name}'s server can reach ${from.name}, then try again`;
      throw new MoveFailed("move-unreachable", { at: to.name, says, fix });
    });
}

/** Ends the time in which commits may come late to the subscriber's disk: while rows are copied, each would have to wait for theirs. */
export async function commitAtOnce({ name, to }: Flow): Promise<void> {
  const late = await to.query("select from pg_subscription where subname = $1 and subsynccommit <> 'on'", [name]);
  if (late.length > 0) await to.query(`alter subscription ${name} set (synchronous_commit = 'on')`);
}

/** Stops a copy where it is, and takes back the room that half-copied tables took; whole tables stay. {@link goOn} takes it up again. */
export async function pauseCopy({ name, to }: Flow): Promise<void> {
  await to.query(`alter subscription ${name} disable`);
  await workersGone(to, name);
  // Rows of tables in these states were never committed, so nobody has seen them (manual 53.55).
  const [half] = await to.query<{ list: string | null }>(
    `select string_agg(r.srrelid::regclass::text, ', ') as list
     from pg_subscription_rel r join pg_subscription s on s.oid = r.srsubid where s.subname = $1 and r.srsubstate in ('i', 'd')`,
    [name],
  );
  if (half?.list) await to.query(`truncate only ${half.list.replaceAll(", ", ", only ")}`);
}

/** Lets a subscription that was paused go on. Does nothing when there is none. */
export async function goOn({ name, to }: Flow): Promise<void> {
  const paused = await to.query("select from pg_subscription where subname = $1 and not subenabled", [name]);
  if (paused.length > 0) await to.query(`alter subscription ${name} enable`);
}

/** Ends the subscription, even when the publisher cannot be reached. Safe when there is none. */
export async function unsubscribe({ name, to }: Flow): Promise<void> {
  const known = await subscriptions(to, name);
  if (known.length === 0) return;
  await to.query(`alter subscription ${name} disable`);
  await workersGone(to, name);
  await to.query(`alter subscription ${name} set (slot_name = none)`);
  // Slots of tables whose copy is under way are dropped at the publisher if it can be reached, else by unpublish.
  await to.query(`drop subscription ${name}`);
}

async function subscriptions(side: OpenSide, name: string): Promise<object[]> {
  return side.query(
    `select from pg_subscription s join pg_database d on d.oid = s.subdbid
     where d.datname = current_database() and s.subname = $1`,
    [name],
  );
}

/** Ends slot, publication and role at the publisher, and slots of tables that were being copied. Safe when there are none. */
export async function unpublish({ name, from }: Flow, schema: string): Promise<void> {
  const [follower] = (await hasNotes(from, schema))
    ? await from.query<{ system: string }>(`select system from ${schema}.follower where flow = $1`, [name])
    : [];
  const ofTables = `^pg_[0-9]+_sync_[0-9]+_${follower?.system ?? "0"}$`;
  await waitFor(
    async () => {
      const left = await from.query<{ slot: string; pid: number | null }>(
        `select s.slot_name as slot, s.active_pid as pid from pg_replication_slots s
         where s.database = current_database() and (s.slot_name = $1 or s.slot_name ~ $2)`,
        [name, ofTables],
      );
      if (left.length === 0) return true;
      await from.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 or pid = any($2::int[])",
        [name, left.map((one) => one.pid)],
      );
      for (const { slot } of left) {
        await from.query("select pg_drop_replication_slot($1)", [slot]).catch(() => undefined); // in use yet: next time
      }
      return undefined;
    },
    {
      everyMs: 20,
      withinMs: 30_000,
      at: from.name,
      what: `the end of the slot ${name}`,
      fix: "end its user, then try again",
    },
  );
  await from.query(`drop publication if exists ${name}`);
  const role = await from.query("select from pg_roles where rolname = $1", [name]);
  if (role.length > 0) {
    await from.query(`revoke all on database ${quoted(from.database)} from ${name}; drop role ${name}`);
  }
}

/** Ends the workers of a disabled subscription at once; by themselves they look only once in a second. */
export async function workersGone(side: OpenSide, name: string): Promise<void> {
  await waitFor(
    async () => {
      const workers = await side.query(
        `select pg_terminate_backend(pid) from pg_stat_subscription where subname = $1 and pid is not null`,
        [name],
      );
      return workers.length === 0 ? true : undefined;
    },
    { everyMs: 2, withinMs: 30_000, at: side.name, what: `the end of ${name}`, fix: "try again" },
  );
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
