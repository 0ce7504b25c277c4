import { callOf, rowsOf } from "./exchange.ts";
import type { Link } from "./link.ts";
import type { Statement } from "./statement.ts";
import { encodeValues } from "./wire/values.ts";

/** The first row of what a connection answers, which is asked at once. */
export function ask(link: Link, statement: Statement, values: readonly unknown[] = []): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = callOf(statement, encodeValues(values));
    link.send({
      calls: [call],
      mayWait: false,
      sent: false,
      end: (error) => (error === undefined ? resolve(rowsOf(call)[0]) : reject(error)),
    });
    link.flush();
  });
}
