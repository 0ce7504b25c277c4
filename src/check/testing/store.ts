import { appendList, effects, memberSet, type Part, register, type Sight } from "../model.ts";

const unreadable = () => Promise.reject(new Error("a simulated store is read directly"));

/** The model of the simulated store: one part of each kind. */
export const notes = appendList({ name: "notes", audit: unreadable });
export const bios = register({ name: "bios", audit: unreadable });
export const likes = memberSet({ name: "likes", auditMember: unreadable, auditCount: unreadable });
export const follows = memberSet({ name: "follows", auditMember: unreadable });
export const notices = effects({ name: "notices", audit: unreadable });
export const MODEL: readonly Part[] = [notes, bios, likes, follows, notices];

/** What a simulated service keeps. Immutable parts are shared, so that a read of an older state is a read of an older object. */
export interface State {
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly values: ReadonlyMap<string, number>;
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  readonly counters: ReadonlyMap<string, number>;
  readonly inboxes: ReadonlyMap<string, readonly string[]>;
}

export const EMPTY: State = {
  lists: new Map(),
  values: new Map(),
  sets: new Map(),
  counters: new Map(),
  inboxes: new Map(),
};

/** Sets are kept by part and key. */
export const setKey = (part: { readonly name: string }, key: string) => `${part.name} ${key}`;

/** One change of the store. `before`, `uncounted`: not what a sound store does. */
export type Change =
  | { readonly kind: "append"; readonly key: string; readonly token: string; readonly before?: string }
  | { readonly kind: "remove"; readonly key: string; readonly token: string }
  | { readonly kind: "write"; readonly key: string; readonly version: number }
  | { readonly kind: "join"; readonly key: string; readonly member: string; readonly uncounted?: boolean }
  | { readonly kind: "leave"; readonly key: string; readonly member: string }
  | { readonly kind: "deliver"; readonly receiver: string; readonly token: string };

/** The state after a change. Pure. */
export function apply(state: State, change: Change): State {
  if (change.kind === "write") return { ...state, values: new Map(state.values).set(change.key, change.version) };
  if (change.kind === "deliver") {
    const inbox = [...(state.inboxes.get(change.receiver) ?? []), change.token];
    return { ...state, inboxes: new Map(state.inboxes).set(change.receiver, inbox) };
  }
  if (change.kind === "append") {
    const list = [...(state.lists.get(change.key) ?? [])];
    const at = change.before === undefined ? -1 : list.indexOf(change.before);
    list.splice(at < 0 ? list.length : at, 0, change.token);
    return { ...state, lists: new Map(state.lists).set(change.key, list) };
  }
  if (change.kind === "remove") {
    const list = (state.lists.get(change.key) ?? []).filter((token) => token !== change.token);
    return { ...state, lists: new Map(state.lists).set(change.key, list) };
  }
  const members = new Set(state.sets.get(change.key));
  const before = members.size;
  if (change.kind === "join") members.add(change.member);
  else members.delete(change.member);
  const counted =
    (state.counters.get(change.key) ?? 0) + (change.kind === "join" && change.uncounted ? 0 : members.size - before);
  return {
    ...state,
    sets: new Map(state.sets).set(change.key, members),
    counters: new Map(state.counters).set(change.key, counted),
  };
}

export const seeList = (state: State, key: string): Sight => notes.saw(key, state.lists.get(key) ?? []);
export const seeValue = (state: State, key: string): Sight => bios.saw(key, state.values.get(key) ?? 0);
export const seeInbox = (state: State, name: string): Sight => notices.saw(name, state.inboxes.get(name) ?? []);
export const seeCount = (state: State, key: string): Sight =>
  likes.counted(key, state.counters.get(setKey(likes, key)) ?? 0);
export function seeMember(state: State, part: typeof likes, key: string, member: string): Sight {
  return part.saw(key, member, state.sets.get(setKey(part, key))?.has(member) ?? false);
}
