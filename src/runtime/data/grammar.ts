import { setFlagsFromString } from "node:v8";
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

/**
 * V8 compiles WebAssembly quickly at first, and code that runs often once more in the background. Of this parser's few
 * functions, one of them enormous, that takes three seconds of a processor beside every start, and each process ends only when
 * it is through. What was compiled while this is off stays as it is.
 */
const OPTIMIZING = ["wasm-tier-up", "wasm-dynamic-tiering"];

/** Has most functions of the parser compiled. */
const SAMPLE = `with a as (select x, lower(y) from t where z = 1 and b in (1, $1) order by 1),
  b as (insert into q (a, b) values (1, 'x') on conflict do nothing returning *) select count(*) from a join b on a.x = b.x`;

async function load(): Promise<void> {
  for (const flag of OPTIMIZING) setFlagsFromString(`--no-${flag}`);
  try {
    const library: typeof LibPgQuery = await import("libpg-query");
    await library.loadModule();
    library.parseSync(SAMPLE);
    parse = library.parseSync;
  } finally {
    for (const flag of OPTIMIZING) setFlagsFromString(`--${flag}`);
  }
}
