import { isGrammarWord, isHarmlessFunction } from "./functions.ts";

/** Words that may stand before a parenthesis without calling anything. */
const BEFORE_PARENTHESIS = new Set(
  `all and any array as asc between by case distinct else end except filter from full group having ilike in inner
  intersect is join lateral left like limit materialized not null offset on or order outer over partition right select
  similar some then union using values when where with within`.split(/\s+/),
);

/** Words that begin a write, a lock or a command. A column may be named like one; then the grammar decides. */
const FORBIDDEN = new Set(
  `alter analyze begin call checkpoint close cluster comment commit copy create deallocate declare delete discard do
  drop execute explain fetch for grant import information_schema insert into listen load lock merge move ninefold notify
  operator prepare reassign refresh reindex release reset revoke rollback savepoint set share start tablesample truncate
  unlisten update vacuum`.split(/\s+/),
);

/** White space, string, quoted name, parameter, number, cast, word, one other character. What fits none is not plain. */
const TOKEN =
  /\s+|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\d+(?![\w$])|\d+(?:\.\d+)?(?![\w$.])|::|[a-z_]\w*(?![\w$])|[-+*/<>=!~^&|%#@?.,:()[\]]/iy;

/**
 * The quick way: whether a whole text is so plain that a few rules prove it a read, and PostgreSQL's own grammar is not
 * needed. No forbidden word, no call but of harmless functions, no comment, semicolon, dollar quote, backslash or letter
 * outside of ASCII, nothing quoted that is called, no table of the system. False proves nothing.
 */
export function isPlainRead(text: string): boolean {
  if (!/^[\s(]*(?:select|with|values)\b/i.test(text) || /--|\/\*|\\/.test(text)) return false;
  let before = "";
  let beforeThat = "";
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const token = TOKEN.exec(text)?.[0].toLowerCase();
    if (token === undefined) return false;
    if (token.trim() === "") continue;
    if (FORBIDDEN.has(token) || /^"?(?:pg_|information_schema"|ninefold")/.test(token)) return false;
    if (token === "(" && !isGroup(before, beforeThat)) return false;
    beforeThat = before;
    before = token;
  }
  return true;
}

/** What stands before a parenthesis is an operator, a keyword, or the name of a harmless function without a schema. */
function isGroup(before: string, beforeThat: string): boolean {
  if (before.startsWith('"')) return false;
  if (!/^[a-z_]/.test(before)) return true;
  if (beforeThat === "::") return true; // a type with its size, as in `x::numeric(10,2)`
  if (beforeThat === ".") return false;
  return BEFORE_PARENTHESIS.has(before) || isGrammarWord(before) || isHarmlessFunction(before);
}
