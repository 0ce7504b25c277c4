import { callOf, LinkLost, rowsOf } from "./exchange.ts";
import type { Link } from "./link.ts";
import type { Statement } from "./statement.ts";
import { encodeValues } from "./wire/values.ts";

/** The first row of what a connection answers, behind what is under way on it. Rejects with what the server said, or broke the connection. */
export function ask(link: Link, statement: Statement, values: readonly unknown[] = []): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = callOf(statement, encodeValues(values));
    link.send({
      calls: [call],
      mayWait: false,
      sent: false,
      end(error) {
        if (error === undefined) resolve(rowsOf(call)[0]);
        else reject(error instanceof LinkLost ? (error.cause ?? error) : error);
      },
    });
    link.flush();
  });
}
