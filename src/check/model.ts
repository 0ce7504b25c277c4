import type { Visitor } from "./definition.ts";

interface ListClaim<K> {
  readonly kind: K;
  readonly part: string;
  readonly key: string;
  readonly token: string;
}
interface SetClaim<K> {
  readonly kind: K;
  readonly part: string;
  readonly key: string;
  readonly member: string;
}

/** What a write means for the ledger; stated before the request is sent. Made by the parts below. */
export type Claim =
  | ListClaim<"append">
  | ListClaim<"remove">
  | SetClaim<"join">
  | SetClaim<"leave">
  | { readonly kind: "write"; readonly part: string; readonly key: string; readonly version: number }
  | { readonly kind: "emit"; readonly part: string; readonly token: string; readonly to: Receivers };

/** Who receives a side effect: the members of a set at the time of the operation, or users by name. */
export type Receivers = { readonly part: string; readonly key: string } | { readonly users: readonly string[] };

/** What a read showed. Made by the parts below. */
export type Sight =
  | {
      readonly kind: "list" | "effects";
      readonly part: string;
      readonly key: string;
      readonly tokens: readonly string[];
      readonly complete: boolean;
    }
  | { readonly kind: "value"; readonly part: string; readonly key: string; readonly version: number }
  | {
      readonly kind: "membership";
      readonly part: string;
      readonly key: string;
      readonly member: string;
      readonly present: boolean;
    }
  | { readonly kind: "count"; readonly part: string; readonly key: string; readonly count: number };

/** Reads the final state of one key through the public API; throws when it cannot. */
export type Audit = (visitor: Visitor, key: string) => Promise<Sight>;

/**
 * A list that grows at its end, such as the comments of an article. Each element carries a token that is unique in the
 * run, so that one read shows which writes took effect and in which order.
 */
export interface AppendList {
  readonly kind: "list";
  readonly name: string;
  /**
   * `realtime`: an element whose write began after another was known to be there stands behind it.
   * `none`: the order means nothing, or is not the order of writing.
   */
  readonly order: "realtime" | "none";
  readonly audit: Audit;
  append(key: string, token: string): Claim;
  remove(key: string, token: string): Claim;
  /**
   * `tokens` oldest first, elements of other runs left out. `complete: false`: only the newest part of the list,
   * so that elements older than the oldest shown may be missing.
   */
  saw(key: string, tokens: readonly string[], window?: { readonly complete: boolean }): Sight;
}

/** A value that one session overwrites with ever higher versions from 1, such as a user's own text with a counter in it. 0 is the value before. */
export interface Register {
  readonly kind: "register";
  readonly name: string;
  readonly audit: Audit;
  write(key: string, version: number): Claim;
  saw(key: string, version: number): Sight;
}

/** A set whose members join and leave by themselves, with a counter that the service derives, such as favourites or followers. */
export interface MemberSet {
  readonly kind: "set";
  readonly name: string;
  /** Reads one member's own membership, as that member. */
  readonly auditMember: Audit;
  /** Reads the counter. Left out where the API shows none; the set must then have no members from outside the run. */
  readonly auditCount: Audit | undefined;
  join(key: string, member: string): Claim;
  leave(key: string, member: string): Claim;
  saw(key: string, member: string, present: boolean): Sight;
  /** The counter without members from outside the run. */
  counted(key: string, count: number): Sight;
}

/** Effects that follow an operation later, such as the notifications of a job: exactly one for each receiver. */
export interface Effects {
  readonly kind: "effects";
  readonly name: string;
  /** Reads all effects of one receiver, as that user. */
  readonly audit: Audit;
  /** The operation with this token causes one effect for each receiver. `to` is a claim's set and key, or names of users. */
  emit(
    token: string,
    to: { readonly set: MemberSet; readonly key: string } | { readonly users: readonly string[] },
  ): Claim;
  /** What the receiver sees. `complete: false`: one page of several. */
  saw(receiver: string, tokens: readonly string[], window?: { readonly complete: boolean }): Sight;
}

export type Part = AppendList | Register | MemberSet | Effects;

const WHOLE = { complete: true };

export function appendList(options: {
  readonly name: string;
  readonly order?: AppendList["order"];
  readonly audit: Audit;
}): AppendList {
  const part = options.name;
  return {
    kind: "list",
    name: part,
    order: options.order ?? "realtime",
    audit: options.audit,
    append: (key, token) => ({ kind: "append", part, key, token }),
    remove: (key, token) => ({ kind: "remove", part, key, token }),
    saw: (key, tokens, window = WHOLE) => ({ kind: "list", part, key, tokens, complete: window.complete }),
  };
}

export function register(options: { readonly name: string; readonly audit: Audit }): Register {
  const part = options.name;
  return {
    kind: "register",
    name: part,
    audit: options.audit,
    write: (key, version) => ({ kind: "write", part, key, version }),
    saw: (key, version) => ({ kind: "value", part, key, version }),
  };
}

export function memberSet(options: {
  readonly name: string;
  readonly auditMember: Audit;
  readonly auditCount?: Audit;
}): MemberSet {
  const part = options.name;
  return {
    kind: "set",
    name: part,
    auditMember: options.auditMember,
    auditCount: options.auditCount,
    join: (key, member) => ({ kind: "join", part, key, member }),
    leave: (key, member) => ({ kind: "leave", part, key, member }),
    saw: (key, member, present) => ({ kind: "membership", part, key, member, present }),
    counted: (key, count) => ({ kind: "count", part, key, count }),
  };
}

export function effects(options: { readonly name: string; readonly audit: Audit }): Effects {
  const part = options.name;
  return {
    kind: "effects",
    name: part,
    audit: options.audit,
    emit: (token, to) => ({
      kind: "emit",
      part,
      token,
      to: "set" in to ? { part: to.set.name, key: to.key } : { users: to.users },
    }),
    saw: (key, tokens, window = WHOLE) => ({ kind: "effects", part, key, tokens, complete: window.complete }),
  };
}
