import type { Topology } from "./topology.ts";

/** One difference between two topologies: a value at a path that was added, removed or changed. */
export interface Difference {
  /** Path inside the document, such as `databases.main.replicas`; empty for the whole document. */
  readonly at: readonly string[];
  readonly from: unknown;
  readonly to: unknown;
}

/**
 * What to change in `current` to have `desired`, at the deepest path where they differ, in the order of the schema.
 * Total: `undefined` is the empty topology, before the first start and after the last stop. Lists are values.
 */
export function diff(current: Topology | undefined, desired: Topology | undefined): readonly Difference[] {
  return differences(current, desired, []);
}

/** `diff(a, b)` applied to `a` gives `b`. */
export function applyDiff(current: Topology | undefined, changes: readonly Difference[]): unknown {
  return changes.reduce<unknown>((document, change) => setAt(document, change.at, change.to), current);
}

function differences(from: unknown, to: unknown, at: readonly string[]): Difference[] {
  if (isSection(from) && isSection(to)) {
    const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
    return [...keys].flatMap((key) => differences(from[key], to[key], [...at, key]));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ at, from, to }];
}

function setAt(document: unknown, at: readonly string[], value: unknown): unknown {
  const [key, ...rest] = at;
  if (key === undefined) return value;
  const section = isSection(document) ? document : {};
  const next = setAt(section[key], rest, value);
  if (next !== undefined) return { ...section, [key]: next };
  const { [key]: _, ...others } = section;
  return others;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
