import { z } from "zod";
import { NinefoldError, type Problem } from "./problem.ts";
import { checkRules } from "./rules.ts";
import { closest } from "./suggest.ts";
import { Topology } from "./topology.ts";

/** The topology is malformed; `problems` holds each thing that is wrong, in the order of the document. */
export class TopologyError extends NinefoldError {
  readonly problems: readonly Problem[];
  constructor(problems: readonly [Problem, ...Problem[]]) {
    const more = problems.length === 1 ? "" : ` (and ${problems.length - 1} more)`;
    super("topology-invalid", { ...problems[0], says: problems[0].says + more });
    this.problems = problems;
  }
}

export type Parsed =
  | { readonly ok: true; readonly topology: Topology }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

/** Checks a document against the schema, then against the rules between its parts. */
export function checkTopology(document: unknown): Parsed {
  const parsed = Topology.safeParse(document ?? {});
  const problems = parsed.success
    ? checkRules(parsed.data)
    : parsed.error.issues.flatMap((issue) => describe(issue, document));
  const [first, ...others] = problems;
  if (first !== undefined) return { ok: false, problems: [first, ...others] };
  if (parsed.success) return { ok: true, topology: parsed.data };
  return { ok: false, problems: [{ at: "topology", says: "it is malformed", fix: "see docs/topology.md" }] };
}

/** Like {@link checkTopology}; throws {@link TopologyError}. */
export function parseTopology(document: unknown): Topology {
  const parsed = checkTopology(document);
  if (!parsed.ok) throw new TopologyError(parsed.problems);
  return parsed.topology;
}

function describe(issue: z.core.$ZodIssue, document: unknown): Problem[] {
  const at = issue.path.length === 0 ? "topology" : issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const near = closest(key, known);
      return {
        at: [...issue.path.map(String), key].join("."),
        says: `unknown key \`${key}\``,
        fix: near === undefined ? `known here: ${known.join(", ")}` : `did you mean \`${near}\`?`,
      };
    });
  }
  const found = valueAt(document, issue.path);
  return [
    {
      at,
      says: `${lowerFirst(issue.message)}${found === undefined ? "" : `, found ${show(found)}`}`,
      fix: hint(issue),
    },
  ];
}

function hint(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `write ${issue.expected === "object" || issue.expected === "record" ? "a section" : `a value of type ${issue.expected}`} here`;
    case "too_small":
      return `use ${issue.minimum} or more`;
    case "too_big":
      return `use ${issue.maximum} or less`;
    case "invalid_value":
      return `use ${issue.values.map((value) => `\`${String(value)}\``).join(" or ")}`;
    default:
      return "correct the value; docs/topology.md describes each key";
  }
}

/** Keys that the schema knows at a path, from its JSON Schema. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  interface Node {
    readonly properties?: Readonly<Record<string, Node>>;
    readonly additionalProperties?: Node | boolean;
  }
  let node: Node | undefined = z.toJSONSchema(Topology, { io: "input", unrepresentable: "any" }) as Node;
  for (const part of path) {
    const others: Node | boolean | undefined = node?.additionalProperties;
    node = node?.properties?.[String(part)] ?? (typeof others === "object" ? others : undefined);
  }
  return Object.keys(node?.properties ?? {});
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const part of path)
    value = typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined;
  return value;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
