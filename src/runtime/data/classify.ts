import type { OperationNode, RawNode, RootOperationNode } from "kysely";
import { isHarmlessFunction } from "./functions.ts";
import { isPlainRead } from "./raw-text.ts";

/**
 * What a statement does, as far as its tree proves it.
 * - `read`: changes nothing and waits for no row lock. May be sent again, and shared by callers that ask at the same time.
 * - `write`: a change made with Kysely's builder. Never sent again once its outcome is open.
 * - `unknown`: anything else, raw SQL above all. Treated as a write that may also do more than change rows.
 */
export type Kind = "read" | "write" | "unknown";

const WRITES = new Set(["InsertQueryNode", "UpdateQueryNode", "DeleteQueryNode", "MergeQueryNode"]);

/** Kysely's select modifiers that take no lock; the others are `for update` and its kin. */
const FREE_MODIFIERS = new Set(["Distinct", "NoWait", "SkipLocked"]);

export function classify(query: RootOperationNode): Kind {
  if (query.kind === "SelectQueryNode") return provesRead(query) ? "read" : "unknown";
  if (WRITES.has(query.kind)) return onlyKnownParts(query) ? "write" : "unknown";
  return "unknown";
}

/** A tree is a read if none of its nodes can write, lock, or call what we do not know. */
function provesRead(node: OperationNode): boolean {
  if (WRITES.has(node.kind)) return false;
  return harmless(node) && children(node).every(provesRead);
}

/** A write may contain other writes (in its `with`), but nothing that is unknown. */
function onlyKnownParts(node: OperationNode): boolean {
  return harmless(node) && children(node).every(onlyKnownParts);
}

function harmless(node: OperationNode): boolean {
  switch (node.kind) {
    case "RawNode":
      return isPlainRead((node as RawNode).sqlFragments);
    case "FunctionNode":
    case "AggregateFunctionNode":
      return isHarmlessFunction((node as OperationNode & { func: string }).func);
    case "SelectModifierNode": {
      const { modifier } = node as OperationNode & { modifier?: string };
      return modifier !== undefined && FREE_MODIFIERS.has(modifier);
    }
    case "ExplainNode":
      return false;
    default:
      return true;
  }
}

function children(node: OperationNode): OperationNode[] {
  const found: OperationNode[] = [];
  for (const value of Object.values(node)) collect(value, found);
  return found;
}

function collect(value: unknown, found: OperationNode[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found);
  } else if (typeof value === "object" && value !== null && "kind" in value && typeof value.kind === "string") {
    found.push(value as OperationNode);
  }
}
