/**
 * Takes everything from a worker that is dead, paused or ending. First its open transactions are ended, until the
 * lock that they share is free and held by us: a paused worker can then commit nothing that began before, and what it begins
 * later is refused. Jobs whose effect is committed are done; the others may run again at once.
 *
 * A try counts if it may have begun, because a job that kills its worker must come to an end, and jobs that only sat in
 * the worker's memory must not pay for it. Every try but the first is noted before it begins (run.ts), as is the first of one:
 * what is not noted did not begin. Of other first tries that is not known, and they count.
 * With `noted` null, as when a worker ends in order, no try counts.
 */
const RETIRE = `
create or replace function ninefold.retire(worker text, noted bigint[]) returns void language plpgsql volatile as $$
declare
  its_number int;
begin
  select number into its_number from ninefold.workers where id = worker for update;
  if its_number is null then return; end if;

  while not pg_try_advisory_xact_lock(9001, its_number) loop
    perform pg_terminate_backend(pid, 100) from pg_locks
      where locktype = 'advisory' and classid = 9001 and objid = its_number and objsubid = 2
        and database = (select oid from pg_database where datname = current_database()) and pid <> pg_backend_pid();
  end loop;

  delete from graphile_worker._private_jobs j using ninefold.inbox i where j.locked_by = worker and i.job_id = j.id;
  update graphile_worker._private_jobs j set
      locked_by = null, locked_at = null,
      attempts = case
        when noted is null or (id <> all(noted) and (attempts > 1 or max_attempts = 1)) then greatest(attempts - 1, 0)
        else attempts
      end,
      last_error = case when id = any(noted) then 'the worker died while it ran this job' else last_error end
    where j.locked_by = worker;
  update graphile_worker._private_job_queues set locked_by = null, locked_at = null where locked_by = worker;
  delete from ninefold.workers where id = worker;
end
$$;
`;

/**
 * A worker's sign of life, once a second, in one statement: renews its lease, frees the order keys whose retry is due,
 * and takes the jobs of workers that have not renewed for `stale_ms`. Gives the database's time and which of the noted jobs
 * are already applied, or no row if the lease is lost.
 * Just after the database started, nobody has renewed for long: the others get the time to come back.
 */
const RENEW = `
create or replace function ninefold.renew(worker text, running bigint[], stale_ms int)
returns table (now_ms float8, applied bigint[]) language plpgsql volatile as $$
declare
  stale interval := stale_ms * interval '1 millisecond';
  dead record;
begin
  update ninefold.workers set renewed_at = clock_timestamp(), noted = running where id = worker;
  if not found then return; end if;

  update graphile_worker._private_job_queues set locked_by = null, locked_at = null
    where id in (
      select id from graphile_worker._private_job_queues
        where locked_by = 'ninefold:hold' and locked_at <= now() for update skip locked
    );

  if clock_timestamp() > pg_postmaster_start_time() + stale then
    for dead in
      select w.id, w.noted from ninefold.workers w
        where w.renewed_at < clock_timestamp() - stale and w.id <> worker for update skip locked
    loop
      perform ninefold.retire(dead.id, dead.noted);
    end loop;
  end if;

  return query select extract(epoch from clock_timestamp())::float8 * 1000,
    array(select i.job_id from ninefold.inbox i where i.job_id = any(running));
end
$$;
`;

/** Removes inbox rows whose job is gone, and order keys that no job uses and no open transaction is about to use. */
const SWEEP = `
create or replace function ninefold.sweep() returns void language plpgsql volatile as $$
declare
  quiet int[];
begin
  if not pg_try_advisory_xact_lock(9003, 0) then return; end if;
  delete from ninefold.inbox i where not exists (select from graphile_worker._private_jobs j where j.id = i.job_id);
  select array_agg(n) into quiet from generate_series(0, 63) n where pg_try_advisory_xact_lock(9002, n);
  delete from graphile_worker._private_job_queues q
    where hashtext(q.queue_name) & 63 = any(quiet) and q.locked_at is null
      and not exists (select from graphile_worker._private_jobs j where j.job_queue_id = q.id);
end
$$;
`;

/** Gives back jobs that a worker took but did not begin: those named, or those of some tasks that it knows nothing of. */
const HAND_BACK = `
create or replace function ninefold.hand_back(worker text, jobs bigint[]) returns void language sql volatile as $$
  with returned as (
    update graphile_worker._private_jobs set locked_by = null, locked_at = null, attempts = greatest(attempts - 1, 0)
      where id = any(jobs) and locked_by = worker returning job_queue_id
  )
  update graphile_worker._private_job_queues q set locked_by = null, locked_at = null
    from returned where q.id = returned.job_queue_id and q.locked_by = worker
$$;
create or replace function ninefold.hand_back_unknown(worker text, tasks int[], known bigint[])
returns void language sql volatile as $$
  select ninefold.hand_back(worker, array(
    select id from graphile_worker._private_jobs
      where locked_by = worker and task_id = any(tasks) and id <> all(known)
  ))
$$;
`;

export const LEASES = HAND_BACK + RETIRE + RENEW + SWEEP;
