import type * as LibPgQuery from "libpg-query";

/** PostgreSQL's own parser gives each statement of a text as plain data; see `kindOfParsed`. */
export type Parse = (text: string) => unknown;

let parse: Parse | undefined;
let loading: Promise<void> | undefined;

/**
 * PostgreSQL's own parser, or undefined until it is there. Loading begins with the first call and takes a tenth of a
 * second and 15 MB, which a service without raw SQL never spends, and no start waits for.
 */
export function grammar(): Parse | undefined {
  if (parse === undefined) void loadGrammar();
  return parse;
}

/** Resolves when {@link grammar} has the parser. */
export function loadGrammar(): Promise<void> {
  loading ??= load();
  return loading;
}

async function load(): Promise<void> {
  const library: typeof LibPgQuery = await import("libpg-query");
  await library.loadModule();
  parse = library.parseSync;
}
