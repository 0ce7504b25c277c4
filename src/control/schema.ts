/** The journal's SQL. */
export const SCHEMA = {
  /** A write is on disk when it returns (SQLite manual, `pragma synchronous`); waits for another reader for 5 s. */
  settings: `
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma busy_timeout = 5000;
    pragma foreign_keys = on;
  `,
  tables: `
    create table if not exists state (
      only integer primary key check (only = 1),
      situation text not null,
      next_release integer not null
    ) strict;
    create table if not exists plans (
      id integer primary key autoincrement,
      kind text not null,
      plan text not null,
      state text not null default 'running' check (state in ('running', 'undoing', 'finished', 'undone', 'stopped')),
      done integer not null default 0,
      begun integer not null default 0,
      problem text,
      started_at integer not null,
      ended_at integer
    ) strict;
    -- At most one plan at a time, whatever the program above believes.
    create unique index if not exists one_open_plan on plans ((true)) where state in ('running', 'undoing', 'stopped');
    create table if not exists events (
      seq integer primary key autoincrement,
      plan integer not null,
      event text not null
    ) strict;
    create index if not exists events_of_plan on events (plan, seq);
    create table if not exists topologies (
      version integer primary key autoincrement,
      at integer not null,
      situation text not null
    ) strict;
  `,
  first: "insert into state (only, situation, next_release) values (1, ?, 1) on conflict do nothing",
  begin: "insert into plans (kind, plan, started_at) values (?, ?, ?) returning id",
  stepEnds: `update plans set done = ?1, begun = iif(state = 'undoing', 0, max(0, begun + done - ?1)) where id = ?2`,
  turn: "update plans set state = 'undoing', begun = 0, done = ?, problem = ? where id = ?",
  fail: "update plans set state = ?, begun = 0, problem = ?, ended_at = ? where id = ?",
  keep: "insert into topologies (at, situation) values (?, ?)",
  destroyed: "delete from topologies",
  keepAs: "insert into topologies (version, at, situation) values (?, ?, ?)",
  adopt: "update state set situation = ?, next_release = ?",
  forget: "delete from events where plan <= ?",
} as const;
