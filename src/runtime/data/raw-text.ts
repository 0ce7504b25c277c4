import { isHarmlessFunction } from "./functions.ts";

/** Words that may stand before a parenthesis without calling anything. */
const BEFORE_PARENTHESIS = new Set(
  `all and any array as asc between by case cast cross desc distinct else end except filter from full group having
  ilike in inner intersect interval is join lateral left like limit materialized not null offset on or order outer
  over partition right select similar some then union using values when where with within`.split(/\s+/),
);

/** Words that begin a write, a lock or a command. A column may be named like one; the fragment is then not trusted. */
const FORBIDDEN = new Set(
  `alter analyze begin call checkpoint close cluster comment commit copy create deallocate declare delete discard do
  drop execute explain fetch for grant import insert into listen load lock merge move notify prepare reassign refresh
  reindex release reset revoke rollback savepoint set share start truncate unlisten update vacuum`.split(/\s+/),
);

/** String, quoted name, word (with its schema), number, or one other character. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|[a-z_][\w$]*|\d[\w.]*|\s+|[^\s]/gi;

/**
 * Whether the raw parts of a statement, written with `sql`, clearly do nothing but compute: no forbidden word, no call
 * but of harmless functions, no comment, no semicolon, no dollar quote, nothing quoted that is called.
 */
export function isPlainRead(fragments: readonly string[]): boolean {
  const text = fragments.join(" ? ");
  if (/--|\/\*|;|\$[a-z_]*\$|\\/i.test(text)) return false;
  let before = "";
  let beforeThat = "";
  for (const token of text.match(TOKEN) ?? []) {
    if (token.trim() === "") continue;
    const word = token.toLowerCase();
    if (FORBIDDEN.has(word)) return false;
    if (token === "(" && !maybeGroup(before, beforeThat)) return false;
    beforeThat = before;
    before = word;
  }
  return true;
}

/** What stands before a parenthesis is an operator, a keyword, or the name of a harmless function without a schema. */
function maybeGroup(before: string, beforeThat: string): boolean {
  if (before.startsWith('"') || before === "?") return false;
  if (!/^[a-z_]/.test(before)) return true;
  if (beforeThat === ":") return true; // a type with its size, as in `x::numeric(10,2)`
  if (beforeThat === ".") return false;
  return BEFORE_PARENTHESIS.has(before) || isHarmlessFunction(before);
}
