/**
 * Adds jobs in the caller's transaction. The library's own `add_jobs` does the same and also notifies, and a NOTIFY takes
 * a lock on the whole cluster at commit, held over its flush, which would make every transaction that enqueues
 * wait for every other; ours leaves the pick-up to polling.
 *
 * Jobs of an order key get start times that rise in the order of enqueueing, because that is what the library sorts by.
 * The shared lock keeps `ninefold.sweep` from removing the key's row before this transaction's jobs are visible.
 * @see https://github.com/graphile/worker/issues/552
 */
export const ENQUEUE = `
create or replace function ninefold.enqueue(
  job text, payloads json, attempts int, run_at timestamptz, delay_ms float8, priority int, order_key text, dedupe_key text
) returns setof bigint language plpgsql volatile as $$
#variable_conflict use_variable
declare
  task int;
  queue int;
  start timestamptz := coalesce(run_at, clock_timestamp() + coalesce(delay_ms, 0) * interval '1 millisecond');
begin
  select t.id into task from graphile_worker._private_tasks t where t.identifier = job;
  if task is null then
    insert into graphile_worker._private_tasks as t (identifier) values (job)
      on conflict (identifier) do update set identifier = excluded.identifier
      returning t.id into task;
  end if;

  if order_key is not null then
    perform pg_advisory_xact_lock_shared(9002, hashtext(order_key) & 63);
    select q.id into queue from graphile_worker._private_job_queues q where q.queue_name = order_key;
    if queue is null then
      insert into graphile_worker._private_job_queues as q (queue_name) values (order_key)
        on conflict (queue_name) do update set queue_name = excluded.queue_name
        returning q.id into queue;
    end if;
  end if;

  loop
    -- A job that has started, or given up, no longer waits: it keeps its life and gives up the key.
    if dedupe_key is not null then
      update graphile_worker._private_jobs j set key = null
        where j.key = dedupe_key and (j.locked_at is not null or j.attempts >= j.max_attempts);
    end if;
    return query
      insert into graphile_worker._private_jobs as j (job_queue_id, task_id, payload, run_at, max_attempts, key, priority)
      select queue, task, p.value, start + p.place * interval '1 microsecond', attempts, dedupe_key, coalesce(priority, 0)
        from json_array_elements(payloads) with ordinality as p(value, place) order by p.place
      on conflict (key) do update set
        job_queue_id = excluded.job_queue_id, task_id = excluded.task_id, payload = excluded.payload,
        run_at = excluded.run_at, max_attempts = excluded.max_attempts, priority = excluded.priority,
        revision = j.revision + 1, attempts = 0, last_error = null, updated_at = now()
        where j.locked_at is null
      returning j.id;
    -- Nothing was written if a worker took the waiting job between the two statements: then it no longer waits.
    exit when found or json_array_length(payloads) = 0;
  end loop;
end
$$;
`;
