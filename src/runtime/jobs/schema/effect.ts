/**
 * First statement of every transaction that a job's handler opens. The effect and the inbox row commit together, so a job
 * whose row exists is done. Three fences, each against another stranger:
 * - the shared lock names the worker to `ninefold.retire`, which ends the transactions of a worker it takes jobs from;
 * - a worker that lost its lease no longer holds the job, and is refused (NF002);
 * - the inbox's key makes a second run wait for the first one, then refuses it (NF001).
 * The job's row is locked so that it cannot go away before the inbox row is visible.
 */
export const CLAIM_EFFECT = `
create or replace function ninefold.claim_effect(job bigint, worker text, worker_number int)
returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock_shared(9001, worker_number);
  perform 1 from graphile_worker._private_jobs where id = job and locked_by = worker for key share;
  if not found then
    raise exception 'job % is no longer held by %', job, worker using errcode = 'NF002';
  end if;
  insert into ninefold.inbox (job_id) values (job) on conflict do nothing;
  if not found then
    raise exception 'the effect of job % is already applied', job using errcode = 'NF001';
  end if;
end
$$;
`;
