import type { OperationNode, RootOperationNode } from "kysely";
import { isGrammarWord, isHarmlessFunction, isRepeatableFunction, isSystemTable } from "./functions.ts";
import type { Parse } from "./grammar.ts";
import { kindOfText } from "./parsed.ts";
import { isPlainRead } from "./plain-read.ts";

/**
 * What a statement does, as far as its tree or its text proves it.
 * - `read`: changes nothing, waits for no row lock, and has the same answer on every member that has replayed as much.
 *   May run on a standby, be sent again, and be shared by callers that ask at the same time.
 * - `write`: changes rows and does nothing else. May be sent again once it is known that it was rolled back.
 * - `unknown`: anything else. Treated as a write that may also do more than change rows.
 *
 * What a view, an operator or a column that is really a function does cannot be told from a text: a standby refuses what
 * would write.
 */
export type Kind = "read" | "write" | "unknown";

const WRITES = new Set(["InsertQueryNode", "UpdateQueryNode", "DeleteQueryNode", "MergeQueryNode"]);

/** Kysely's select modifiers that take no lock; the others are `for update` and its kin. */
const FREE_MODIFIERS = new Set(["Distinct", "NoWait", "SkipLocked"]);

/** Longer texts are not worth the time that parsing them takes. */
const LONGEST_TEXT = 64 * 1024;

/**
 * @param text what the tree was compiled to; it decides where the tree contains raw SQL
 * @param grammar gives PostgreSQL's parser, asked only where it is needed
 * @returns undefined while only the grammar can tell, and is not there yet
 */
export function classify(query: RootOperationNode, text: string, grammar: () => Parse | undefined): Kind | undefined {
  const raw = query.kind === "RawNode";
  if (query.kind !== "SelectQueryNode" && !WRITES.has(query.kind) && !raw) return "unknown";
  const tree = raw ? "raw" : provedByTree(query);
  if (tree !== "raw") return tree;
  if (isPlainRead(text)) return "read";
  if (text.length > LONGEST_TEXT || !MAY_BE_PROVED.test(text)) return "unknown";
  const parse = grammar();
  return parse === undefined ? undefined : kindOfText(text, parse);
}

const MAY_BE_PROVED = /^(?:\s|\(|--|\/\*)*(?:select|with|values|table|insert|update|delete|merge)\b|^\s*(?:--|\/\*)/i;

/** `raw` when the tree proves nothing against it, but has parts that only their text tells about. */
function provedByTree(query: RootOperationNode): Kind | "raw" {
  const nodes = [...allOf(query)];
  const write = nodes.some(({ kind }) => WRITES.has(kind)); // a select writes where one of its common table expressions does
  const mayCall = write ? isRepeatableFunction : isHarmlessFunction;
  if (!nodes.every((node) => isPartOf(node, mayCall))) return "unknown";
  if (nodes.some(({ kind }) => kind === "RawNode")) return "raw";
  return write ? "write" : "read";
}

function isPartOf(node: OperationNode, mayCall: (name: string) => boolean): boolean {
  switch (node.kind) {
    case "FunctionNode":
    case "AggregateFunctionNode":
      return isCalled((node as OperationNode & { func: string }).func.toLowerCase(), mayCall);
    case "SelectModifierNode": {
      const { modifier } = node as OperationNode & { modifier?: string };
      return modifier === undefined || FREE_MODIFIERS.has(modifier); // without a name it is raw SQL
    }
    case "SchemableIdentifierNode": {
      const { schema, identifier } = node as OperationNode & {
        schema?: { name: string };
        identifier: { name: string };
      };
      return !isSystemTable(schema?.name, identifier.name);
    }
    case "ExplainNode":
      return false;
    default:
      return true;
  }
}

function isCalled(word: string, mayCall: (name: string) => boolean): boolean {
  return isGrammarWord(word) || mayCall(word);
}

function* allOf(value: unknown): Generator<OperationNode> {
  if (Array.isArray(value)) {
    for (const item of value) yield* allOf(item);
  } else if (typeof value === "object" && value !== null && "kind" in value && typeof value.kind === "string") {
    yield value as OperationNode;
    for (const part of Object.values(value)) yield* allOf(part);
  }
}
