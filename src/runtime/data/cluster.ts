import type { Logger } from "pino";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { isSame } from "./connections.ts";
import type { LinkOptions } from "./link.ts";
import { type Leader, lagOf, type Mark, type MemberState, mayServe, type Switch } from "./members.ts";
import { SILENT_MS, Watch } from "./monitor.ts";
import type { StandbyPool } from "./standby-pool.ts";

export interface ClusterOptions {
  readonly link: Omit<LinkOptions, "address">;
  /** A standby that is further behind gets no reads, in milliseconds. */
  readonly maxLagMs: number;
  readonly log: Logger | undefined;
  /** Opens connections to a standby. */
  readonly open: (address: DatabaseAddress) => StandbyPool;
  /** A member has become the primary, or was found to be it; `history` says where earlier timelines ended. */
  readonly led: (address: DatabaseAddress, leader: Leader, history: readonly Switch[]) => void;
  /** The primary was lost. */
  readonly lost: () => void;
  /** All transactions below `xmin` are finished on the primary. */
  readonly finished: (timeline: number, xmin: bigint) => void;
}

interface Member {
  readonly address: DatabaseAddress;
  readonly watch: Watch;
  pool: StandbyPool | undefined;
  state: MemberState | undefined;
  lagMs: number;
}

/** Marks of the primary's log are kept for so long, milliseconds. */
const MARKS_MS = 120_000;
/** Connections that were answered so lately show that a member is not silent but slow, milliseconds. */
const LATELY_MS = 500;

/** The members of a replicated cluster as this process sees them, and who of them is what. */
export class Cluster {
  readonly #options: ClusterOptions;
  #members: Member[] = [];
  #leader: (Leader & { readonly address: DatabaseAddress }) | undefined;
  #marks: Mark[] = [];
  /** Nothing more is acknowledged after that, so nobody falls further behind; milliseconds of `performance.now()`. */
  #lostAt = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  get leader(): Leader | undefined {
    return this.#leader;
  }

  get pools(): readonly StandbyPool[] {
    return this.#members.flatMap(({ pool }) => pool ?? []);
  }

  has(address: DatabaseAddress): boolean {
    return this.#members.some((member) => isSame(member.address, address));
  }

  /** All members but the primary, where that one is lost and each of them can be asked as its standby. */
  get bereft(): readonly StandbyPool[] | undefined {
    const leader = this.#leader;
    if (leader?.lost !== true) return undefined;
    const others = this.#members.filter(({ address }) => !isSame(address, leader.address));
    const pools = others.flatMap(({ pool, state }) =>
      pool?.usable && state?.timeline === leader.timeline ? pool : [],
    );
    return pools.length > 0 && pools.length === others.length ? pools : undefined;
  }

  /** Timeline that the standby behind a pool follows, as far as is known. */
  timelineOf(pool: StandbyPool): number | undefined {
    return this.#members.find((member) => member.pool === pool)?.state?.timeline;
  }

  lagOf(pool: StandbyPool): number {
    return this.#members.find((member) => member.pool === pool)?.lagMs ?? 0;
  }

  /** Watches these members from now on, and no others. */
  setMembers(addresses: readonly DatabaseAddress[]): void {
    const stays = ({ address }: Member) => addresses.some((one) => isSame(one, address) && one.name === address.name);
    for (const member of this.#members) if (!stays(member)) this.#drop(member);
    this.#members = this.#members.filter(stays);
    for (const address of addresses) if (!this.has(address)) this.#members.push(this.#watch(address));
    if (this.#leader !== undefined && !this.has(this.#leader.address)) this.#leader = undefined;
  }

  /** The standby with the least to do that reads may go to, among those that are known to have replayed `need` if there are any. */
  choose(need: bigint, tried?: StandbyPool): StandbyPool | undefined {
    const leader = this.#leader;
    if (leader === undefined) return undefined;
    let best: StandbyPool | undefined;
    let bestReady = false;
    for (const member of this.#members) {
      const { pool } = member;
      if (pool === undefined || pool === tried || !this.#serves(member, leader)) continue;
      const ready = pool.hasReplayed(need);
      if (best !== undefined && (bestReady !== ready ? bestReady : pool.load >= best.load)) continue;
      best = pool;
      bestReady = ready;
    }
    return best;
  }

  /** Standbys that reads may go to now. */
  get readable(): number {
    const leader = this.#leader;
    return leader === undefined ? 0 : this.#members.filter((member) => this.#serves(member, leader)).length;
  }

  close(): void {
    for (const member of this.#members.splice(0)) this.#drop(member);
  }

  #serves({ address, state, lagMs, pool }: Member, leader: Leader): boolean {
    return pool?.usable === true && mayServe({ name: address.name, state, lagMs }, leader, this.#options.maxLagMs);
  }

  #drop({ watch, pool }: Member): void {
    watch.close();
    pool?.close();
  }

  #watch(address: DatabaseAddress): Member {
    const watch = new Watch(address, this.#options.link, {
      told: (state, history) => this.#told(member, state, history),
      silent: (error, gone) => this.#silent(member, error, gone),
      wantsHistory: (timeline) => timeline !== this.#leader?.timeline,
    });
    const member: Member = { address, watch, pool: undefined, state: undefined, lagMs: 0 };
    return member;
  }

  #told(member: Member, said: MemberState, history: readonly Switch[] = []): void {
    const before = member.state;
    // Without anything to receive it stays on the timeline that it had.
    const timeline = said.timeline ?? (before?.life === said.life ? before.timeline : undefined);
    const state: MemberState = { ...said, timeline };
    member.state = state;
    if (state.inRecovery) {
      member.pool ??= this.#options.open(member.address);
      member.pool.learn(state.life, state.lsn);
      member.lagMs = lagOf(this.#marks, state.lsn, this.#leader?.lost ? this.#lostAt : performance.now());
      if (this.#leader?.address === member.address) this.#lose("it is no primary any more");
    } else {
      member.pool?.close();
      member.pool = undefined;
      this.#lead(member, state, history);
    }
  }

  #lead({ address }: Member, state: MemberState, history: readonly Switch[]): void {
    const { system, timeline, synchronous } = state;
    const before = this.#leader;
    if (timeline === undefined) return;
    const foreign = before !== undefined && before.system !== system;
    if (foreign && !before.lost) return;
    // A primary of an earlier timeline was replaced and does not know it yet.
    if (before !== undefined && !foreign && timeline < before.timeline) return;
    const now = performance.now();
    const again = before?.address === address && before.timeline === timeline && !foreign;
    this.#leader = { address, system, timeline, synchronous, lost: false };
    this.#marks = this.#marks.filter(({ at }) => again && now - at < MARKS_MS);
    this.#marks.push({ at: now, lsn: state.lsn });
    this.#options.finished(timeline, state.xmin);
    if (again && !before.lost) return;
    for (const { watch } of this.#members) watch.hurry(false);
    this.#options.log?.info({ primary: address.name ?? address, timeline }, "found the primary");
    this.#options.led(address, this.#leader, history);
  }

  #silent(member: Member, error: Error, gone: boolean): void {
    const now = performance.now();
    if (!gone && member.pool?.links.some((link) => now - link.progressAt < LATELY_MS && link.inFlight > 0)) return;
    if (member.state !== undefined) {
      this.#options.log?.warn(
        { err: error, member: member.address.name ?? member.address },
        "a database server is away",
      );
    }
    member.state = undefined;
    // New connections would be no faster where all is slow, and cost it more: only what is stuck is cut.
    if (gone) member.pool?.cut(error);
    else member.pool?.cutSilent(now, SILENT_MS);
    if (this.#leader?.address === member.address) this.#lose(error.message);
  }

  #lose(why: string): void {
    if (this.#leader === undefined || this.#leader.lost) return;
    this.#options.log?.warn({ primary: this.#leader.address.name, why }, "the primary is lost");
    this.#leader = { ...this.#leader, lost: true };
    this.#lostAt = performance.now();
    for (const { watch } of this.#members) watch.hurry(true);
    this.#options.lost();
  }
}
