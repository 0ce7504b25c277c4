import type { CompiledQuery } from "kysely";
import { classify, type Kind } from "./classify.ts";
import { grammar, type Parse } from "./grammar.ts";
import type { Run } from "./run.ts";

/** One SQL text as this process knows it; made once and reused, so that nothing is worked out twice. */
export interface Statement {
  readonly text: string;
  /** Name of the prepared statement on every connection. */
  readonly name: string;
  readonly kind: Kind;
  /** Only PostgreSQL's grammar can tell its kind, which was not there yet when this was made. */
  readonly undecided: boolean;
  /** All it does is one transaction, whatever it calls: with others before one Sync, all of them or none are committed. */
  readonly atomic: boolean;
  /** Whether it is worth preparing: made with the builder, or raw and seen before. */
  prepare: boolean;
  /** Raw text of several statements, which only the simple protocol takes. */
  readonly simple: boolean;
  /** Used since the registry last looked for something to forget. */
  recent: boolean;
  /** Reads with this text that were not sent yet, oldest first: another caller may join one. */
  unsent: Run[];
}

const SEVERAL_STATEMENTS = /;\s*\S/;
/** Behind comments. Functions cannot commit; `call`, `do`, `vacuum` and others can. */
const ATOMIC = /^(?:\s|\(|--[^\n]*\n|\/\*[^*]*\*\/)*(?:select|insert|update|delete|merge|with|values)\b/i;
const PREPARED = new Set([
  "SelectQueryNode",
  "InsertQueryNode",
  "UpdateQueryNode",
  "DeleteQueryNode",
  "MergeQueryNode",
]);

/** Raw texts, and texts of the builder, that are kept. */
const MOST_TEXTS = 2_000;
const MOST_USUAL = 100;

/** All texts this process has sent lately. */
export class Statements {
  readonly #byText = new Map<string, Statement>();
  readonly #rawByText = new Map<string, Statement>();
  readonly #grammar: () => Parse | undefined;
  #made = 0;

  /** @param parser PostgreSQL's grammar, as far as it is there */
  constructor(parser: () => Parse | undefined = grammar) {
    this.#grammar = parser;
  }

  of(compiled: CompiledQuery): Statement {
    const raw = compiled.query.kind === "RawNode";
    const known = (raw ? this.#rawByText : this.#byText).get(compiled.sql);
    if (known === undefined || (known.undecided && this.#grammar() !== undefined)) return this.#add(compiled, raw);
    known.recent = true;
    known.prepare ||= raw && !known.simple;
    return known;
  }

  /** What has been asked for more than once, and is prepared; 100 at most. */
  get usual(): readonly Statement[] {
    const all = [...this.#byText.values(), ...this.#rawByText.values()];
    return all.filter(({ prepare, simple, recent }) => prepare && !simple && recent).slice(-MOST_USUAL);
  }

  #add({ sql, query, parameters }: CompiledQuery, raw: boolean): Statement {
    const kind = classify(query, sql, this.#grammar);
    const statement: Statement = {
      text: sql,
      name: `n${++this.#made}`,
      kind: kind ?? "unknown",
      undecided: kind === undefined,
      atomic: ATOMIC.test(sql),
      prepare: PREPARED.has(query.kind),
      simple: raw && kind !== "read" && kind !== "write" && parameters.length === 0 && SEVERAL_STATEMENTS.test(sql),
      recent: false,
      unsent: [],
    };
    const map = raw ? this.#rawByText : this.#byText;
    map.set(sql, statement);
    if (map.size > MOST_TEXTS) forgetOne(map);
    return statement;
  }
}

/** Second chance: the oldest goes, unless it was used since it was last looked at. */
function forgetOne(map: Map<string, Statement>): void {
  for (const [text, statement] of map) {
    map.delete(text);
    if (!statement.recent) return;
    statement.recent = false;
    map.set(text, statement);
  }
}

/** A statement of our own, not from Kysely. */
export function ownStatement(text: string, name: string, kind: Kind): Statement {
  return {
    text,
    name,
    kind,
    undecided: false,
    atomic: false,
    prepare: name !== "",
    simple: false,
    recent: false,
    unsent: [],
  };
}
