/**
 * Applies what our worker decided about a failed try. The library carries one string from a failing job to the
 * database, `last_error`, and adds a wait of its own without jitter; our worker sends its verdict in that string
 * (`ninefold:{"delayMs":…,"counts":…,"error":…}`) and this trigger puts it in force in the same statement.
 *
 * A job of an order key keeps its place and holds its key until its next try, so that no later job of the key overtakes
 * it; a job that has used up its tries lets the key go. It fires only where `run_at` is set: never on the busy path.
 */
export const SETTLE = `
create or replace function ninefold.settle() returns trigger language plpgsql as $$
declare
  verdict json := substr(new.last_error, 10)::json;
  due timestamptz := now() + (verdict->>'delayMs')::float8 * interval '1 millisecond';
  used int := new.attempts - case when (verdict->>'counts')::boolean then 0 else 1 end;
begin
  update graphile_worker._private_jobs set
      last_error = verdict->>'error', attempts = greatest(used, 0),
      run_at = case when job_queue_id is null and used < max_attempts then due else old.run_at end
    where id = new.id;
  if new.job_queue_id is not null and used < new.max_attempts then
    update graphile_worker._private_job_queues set locked_by = 'ninefold:hold', locked_at = due
      where id = new.job_queue_id and locked_by is null;
  end if;
  return null;
end
$$;

drop trigger if exists ninefold_settle on graphile_worker._private_jobs;
create trigger ninefold_settle after update of run_at on graphile_worker._private_jobs
  for each row when (old.locked_by is not null and new.last_error like 'ninefold:%')
  execute function ninefold.settle();
`;
