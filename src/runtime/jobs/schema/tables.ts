/**
 * Tables of ours, beside the library's schema `graphile_worker`.
 * - `workers`: one lease for each worker process. `number` names it in advisory locks, `id` in the library's `locked_by`.
 *   `noted` are the jobs it was seen running, whose try counts if the worker dies.
 * - `inbox`: a row for each job whose effect is committed; it goes when the job is gone.
 * - `schedules`: the last tick that was enqueued for each scheduled job.
 */
export const TABLES = `
create schema if not exists ninefold;

create table if not exists ninefold.workers (
  id text primary key,
  number int generated always as identity,
  renewed_at timestamptz not null default clock_timestamp(),
  noted bigint[] not null default '{}'
);

create table if not exists ninefold.inbox (
  job_id bigint primary key,
  applied_at timestamptz not null default now()
);

create table if not exists ninefold.schedules (
  job text primary key,
  last_tick timestamptz not null
);

-- Queue tables are rewritten all the time: vacuum by 1 % of change, without pausing (PostgreSQL 15 manual, 20.10).
alter table ninefold.inbox
  set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
alter table graphile_worker._private_jobs
  set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
alter table graphile_worker._private_job_queues
  set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Each is empty, and costs nothing, until a job has the property it is about.
create index if not exists ninefold_dead_letters on graphile_worker._private_jobs (id)
  where locked_at is null and attempts >= max_attempts;
create index if not exists ninefold_ordered on graphile_worker._private_jobs (job_queue_id)
  where job_queue_id is not null;
create index if not exists ninefold_holds on graphile_worker._private_job_queues (locked_at)
  where locked_by = 'ninefold:hold';
`;

/**
 * What the service's role may do: what the library's worker does with its own tables, and our functions.
 * The library turns on row security, so that a role that is not the owner sees no row without a policy.
 * @param role an identifier that is already quoted
 */
export function grants(role: string): string {
  const tables = ["_private_jobs", "_private_job_queues", "_private_tasks"].map((name) => `graphile_worker.${name}`);
  const policies = tables.map(
    (table) => `drop policy if exists ninefold_service on ${table};
create policy ninefold_service on ${table} to ${role} using (true) with check (true);`,
  );
  return `
grant usage on schema graphile_worker, ninefold to ${role};
grant select, insert, update, delete on ${tables.slice(0, 2).join(", ")} to ${role};
grant select, insert, update on ${tables.slice(2).join(", ")} to ${role};
grant select on graphile_worker.migrations to ${role};
grant select, insert, update, delete on ninefold.workers, ninefold.inbox, ninefold.schedules to ${role};
do $do$
declare
  own regprocedure;
begin
  -- Others in this schema are the superuser's, who has granted them already.
  for own in select oid from pg_proc
    where pronamespace = 'ninefold'::regnamespace and proowner = current_user::regrole
  loop
    execute 'revoke all on function ' || own || ' from public';
    execute 'grant execute on function ' || own || $role$ to ${role}$role$;
  end loop;
end $do$;
${policies.join("\n")}
`;
}
