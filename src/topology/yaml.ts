import { type Document, LineCounter, parseDocument } from "yaml";
import { checkTopology, TopologyError } from "./parse.ts";
import type { Problem } from "./problem.ts";
import type { Topology, TopologyInput } from "./topology.ts";

/** A topology together with the document it was read from, so that a change keeps the user's comments and order. */
export interface TopologyDocument {
  readonly topology: Topology;
  readonly document: Document;
}

/** Reads `ninefold.topology.yaml`. Throws {@link TopologyError} with the line and column of each problem. */
export function readTopology(text: string, file = "ninefold.topology.yaml"): TopologyDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const broken = document.errors.map((error) => {
    const says = error.message.split("\n", 1)[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "it is not YAML";
    return { at: place(file, lines, error.pos[0]), says, fix: "correct the YAML there" };
  });
  if (isFull(broken)) throw new TopologyError(broken);
  let value: unknown;
  try {
    // Bounds what a document of nested aliases can grow to.
    value = document.toJS({ maxAliasCount: 10 });
  } catch (cause) {
    throw new TopologyError([
      { at: file, says: cause instanceof Error ? cause.message : String(cause), fix: "write it without aliases" },
    ]);
  }
  const parsed = checkTopology(value);
  if (parsed.ok) return { topology: parsed.topology, document };
  const located = parsed.problems.map((problem) => ({
    ...problem,
    at: `${place(file, lines, offsetOf(document, problem.at))} ${problem.at}`,
  }));
  throw new TopologyError(isFull(located) ? located : parsed.problems);
}

/** The document with some values set, comments and order kept. */
export function editTopology(
  { document }: TopologyDocument,
  changes: readonly { at: readonly string[]; to: unknown }[],
): string {
  const next = document.clone();
  for (const { at, to } of changes) {
    if (to === undefined) next.deleteIn(at);
    else next.setIn(at, to);
  }
  return next.toString();
}

/** A topology as YAML, every value spelt out. */
export function writeTopology(topology: TopologyInput): string {
  return `${parseDocument(JSON.stringify(topology)).toString({ collectionStyle: "block" }).trimEnd()}\n`;
}

function place(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
}

/** Where the deepest existing part of a path stands in the text. */
function offsetOf(document: Document, at: string): number {
  const path = at.split(".");
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = pairsOf(parent).find((pair) => keyOf(pair) === path[length - 1]);
    const start = key === undefined ? undefined : rangeOf(key.key);
    if (start !== undefined) return start;
  }
  return 0;
}

function pairsOf(node: unknown): { key: unknown }[] {
  return typeof node === "object" && node !== null && "items" in node && Array.isArray(node.items)
    ? node.items.filter((item): item is { key: unknown } => typeof item === "object" && item !== null && "key" in item)
    : [];
}

function keyOf({ key }: { key: unknown }): string {
  return typeof key === "object" && key !== null && "value" in key ? String(key.value) : String(key);
}

function rangeOf(node: unknown): number | undefined {
  return typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : undefined;
}

function isFull<T extends Problem>(problems: readonly T[]): problems is readonly [T, ...T[]] {
  return problems.length > 0;
}
