import { connect } from "node:net";
import { BalancerFailed } from "./problem.ts";

const ANSWER_MS = 3_000;

/**
 * Sends one command to a running HAProxy and gives its answer, without the blank lines around it.
 * @param socket path of its admin or master socket
 * @throws BalancerFailed when it does not answer in 3 s; the errors of node:net (`ENOENT`, `ECONNREFUSED`) when it is not there
 */
export function command(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const connection = connect(socket);
    connection.setTimeout(ANSWER_MS, () => {
      connection.destroy(new BalancerFailed(socket, `HAProxy did not answer \`${text}\` in ${ANSWER_MS} ms`));
    });
    connection.on("connect", () => connection.end(`${text}\n`));
    connection.on("data", (chunk) => chunks.push(chunk));
    connection.on("error", reject);
    connection.on("close", (failed) => failed || resolve(Buffer.concat(chunks).toString("utf8").trim()));
  });
}

/** Rows of a table that HAProxy gives as CSV below a line of names (`show stat`; management guide 9.1). */
export function rows(csv: string): Map<string, string>[] {
  const [head = "", ...lines] = csv.split("\n").filter((line) => line !== "");
  const names = head.replace(/^# /, "").split(",");
  return lines.map((line) => new Map(fields(line).map((value, at) => [names[at] ?? "", value])));
}

/** Facts of `show info`, one a line. */
export function facts(text: string): Map<string, string> {
  return new Map(
    text.split("\n").map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
}

function fields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
  );
}
