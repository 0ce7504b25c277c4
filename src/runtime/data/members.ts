import { parseLsn } from "../session/index.ts";
import { IDENTITY_COLUMNS } from "./identity.ts";
import { ownStatement } from "./statement.ts";

/** What a member of a cluster says of itself. */
export interface MemberState {
  readonly system: string;
  /** Changes when the server is started; see {@link Identity}. */
  readonly life: string;
  readonly inRecovery: boolean;
  /** Of a standby the timeline that it receives; undefined while it receives nothing. */
  readonly timeline: number | undefined;
  /** How far a primary's log is flushed, how far a standby has replayed. */
  readonly lsn: bigint;
  /** All transactions below are finished, in the eyes of this member. */
  readonly xmin: bigint;
  readonly streaming: boolean;
  /** Standbys without which no commit of this member is acknowledged; of a primary. */
  readonly synchronous: ReadonlySet<string>;
}

export const STATE = ownStatement(
  `select s.in_recovery, s.timeline, s.lsn::text as lsn, s.xmin::text as xmin, s.streaming, s.synchronous_standby_names,
    i.system, i.life from ninefold.member_state() as s, (select ${IDENTITY_COLUMNS}) as i`,
  "member",
  "unknown",
);

interface Row {
  in_recovery: boolean;
  timeline: number | null;
  lsn: string | null;
  xmin: string;
  streaming: boolean;
  synchronous_standby_names: string;
  system: string;
  life: string;
}

/** A row of {@link STATE}. */
export function memberState(row: unknown): MemberState {
  const { in_recovery, timeline, lsn, xmin, streaming, synchronous_standby_names, system, life } = row as Row;
  return {
    system,
    life,
    inRecovery: in_recovery,
    timeline: timeline ?? undefined,
    lsn: lsn === null ? 0n : parseLsn(lsn),
    xmin: BigInt(xmin),
    streaming,
    synchronous: synchronousNames(synchronous_standby_names),
  };
}

/**
 * Standbys for which every commit waits, from `synchronous_standby_names` (manual 20.6.2): the first `n` of a list by
 * priority, all of a quorum that is as large as its list. `*` names nobody: who it is at the moment may change.
 */
export function synchronousNames(setting: string): ReadonlySet<string> {
  const list = /^\s*(?:(first|any)?\s*(\d+)\s*)?\(([\s\S]*)\)\s*$/i.exec(setting);
  const names = [...(list?.[3] ?? setting).matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(([, quoted, plain]) =>
    (quoted?.replaceAll('""', '"') ?? plain ?? "").toLowerCase(),
  );
  if (names.includes("*")) return new Set();
  const count = Number(list?.[2] ?? 1);
  if (list?.[1]?.toLowerCase() === "any" && count < names.length) return new Set();
  return new Set(names.slice(0, count));
}

/** What is known of a standby. */
export interface Standby {
  readonly name: string | undefined;
  readonly state: MemberState | undefined;
  /** How far it is behind, milliseconds. */
  readonly lagMs: number;
}

/** What is known of the primary, or was when it was lost. */
export interface Leader {
  readonly system: string;
  readonly timeline: number;
  readonly synchronous: ReadonlySet<string>;
  readonly lost: boolean;
}

/**
 * Whether reads may go to a standby. Only to one without which no commit is acknowledged: what another shows, a failover
 * may drop. While there is no primary they go on where they could go before; nothing is committed meanwhile.
 */
export function mayServe({ name, state, lagMs }: Standby, leader: Leader, maxLagMs: number): boolean {
  if (name === undefined || state === undefined || !state.inRecovery || state.system !== leader.system) return false;
  if (!leader.synchronous.has(name.toLowerCase()) || state.timeline !== leader.timeline) return false;
  return (state.streaming || leader.lost) && lagMs <= maxLagMs;
}

/** How far the primary's log had come, and when. */
export interface Mark {
  readonly at: number;
  readonly lsn: bigint;
}

/** Since when a standby lacks something, by the marks of its primary, oldest first; milliseconds. */
export function lagOf(marks: readonly Mark[], replayed: bigint, now: number): number {
  const missed = marks.find(({ lsn }) => lsn > replayed);
  return missed === undefined ? 0 : now - missed.at;
}

/** Where a timeline ended for one that came later. */
export interface Switch {
  readonly timeline: number;
  readonly until: bigint;
}

/** Whether a failover has cut off what was seen at this place: it lies beyond the end of its timeline. */
export function isCutOff(at: { timeline: number; lsn: bigint }, history: readonly Switch[]): boolean {
  const end = history.find(({ timeline }) => timeline === at.timeline);
  return end !== undefined && at.lsn > end.until;
}
