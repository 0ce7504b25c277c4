import { type Compilable, type CompiledQuery, createQueryId, type Kysely } from "kysely";

/** Stands in a query for a value that is only known when the query runs. */
class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A query built once and run many times; building and compiling anew for each request costs more than running it. */
export interface Prepared<Values, Row> {
  run(values: Values): Promise<readonly Row[]>;
}

/**
 * Builds a query once. `build` is given an object with a placeholder under each name of `Values`;
 * it must not look at them, only pass them on into the query.
 *
 * @example
 * const byName = prepare<{ name: string }, { id: number }>(db, (p) =>
 *   db.selectFrom("users").select("id").where("username", "=", p.name));
 * await byName.run({ name: "jake" });
 */
export function prepare<Values extends object, Row>(
  // biome-ignore lint/suspicious/noExplicitAny: which tables the database has does not matter here
  db: Kysely<any>,
  build: (values: Values) => Compilable<Row>,
): Prepared<Values, Row> {
  const placeholders = new Proxy({} as Values, { get: (_target, name) => new Placeholder(String(name)) });
  const compiled = build(placeholders).compile();
  return {
    run: async (values) => {
      const parameters = compiled.parameters.map((value) =>
        value instanceof Placeholder ? (values as Record<string, unknown>)[value.name] : value,
      );
      const query: CompiledQuery<Row> = { ...compiled, queryId: createQueryId(), parameters };
      return (await db.executeQuery(query)).rows;
    },
  };
}
