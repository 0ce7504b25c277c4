import type { Member } from "../clusters/patroni-members.ts";
import { DATABASE } from "../placed.ts";
import { serverOfMember } from "./aside.ts";
import { ask } from "./ask.ts";
import { type Restored, serverOf } from "./restored.ts";
import type { WorkResult } from "./views.ts";

type Comparison = Pick<Extract<WorkResult, { kind: "restore" }>, "tables" | "missingTables" | "migrationsSince">;

/** The service's tables by name, with about how many rows. */
const TABLES = `
  select format('%I.%I', schemaname, relname) as name, n_live_tup::float8 as rows
  from pg_stat_user_tables where schemaname <> 'ninefold' order by 1`;
const HAS_MIGRATIONS = "select to_regclass('kysely_migration') is not null as there";
const MIGRATIONS = "select name from kysely_migration order by 1";

/** What a restored database holds, beside the one that serves, if that one answers. Counts the rows of the restored one. */
export async function compared(restored: Restored, primary: Member | undefined): Promise<Comparison> {
  const there = <Row extends object>(text: string) => ask<Row>(serverOf(restored), DATABASE, text);
  const then = await contents(there);
  const now = primary === undefined ? undefined : await contentsNow(primary).catch(() => undefined);
  const tables = [];
  for (const { name } of then.tables) {
    const [row] = await there<{ rows: string }>(`select count(*)::text as rows from ${name}`);
    const live = now?.tables.find((one) => one.name === name)?.rows;
    tables.push({ name, rows: Number(row?.rows ?? 0), ...(live === undefined ? {} : { rowsNow: live }) });
  }
  const names = then.tables.map(({ name }) => name);
  return {
    tables,
    missingTables: (now?.tables ?? []).map(({ name }) => name).filter((name) => !names.includes(name)),
    migrationsSince: (now?.migrations ?? []).filter((name) => !then.migrations.includes(name)),
  };
}

function contentsNow(primary: Member) {
  return contents((text) => ask(serverOfMember(primary), DATABASE, text));
}

async function contents(query: <Row extends object>(text: string) => Promise<Row[]>) {
  const tables = await query<{ name: string; rows: number }>(TABLES);
  const [known] = await query<{ there: boolean }>(HAS_MIGRATIONS);
  const migrations = known?.there ? await query<{ name: string }>(MIGRATIONS) : [];
  return { tables, migrations: migrations.map(({ name }) => name) };
}
