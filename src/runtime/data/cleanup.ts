import { callOf } from "./exchange.ts";
import type { Link } from "./link.ts";
import { ownStatement, type Statement } from "./statement.ts";

const ROLLBACK = ownStatement("rollback", "rollback", "unknown");
const RESET: Statement = {
  ...ownStatement(
    "reset session authorization; reset all; close all; unlisten *; select pg_advisory_unlock_all(); discard temp; discard sequences",
    "",
    "unknown",
  ),
  simple: true,
};

/** Takes away what a caller has left behind on a connection; calls `done` when that is answered. */
export function reset(link: Link, done: () => void): void {
  sendOwn(link, RESET, done);
}

/** The same, on a connection that may be in a transaction. */
export function rollBackAndReset(link: Link, done: () => void): void {
  sendOwn(link, ROLLBACK, done);
  sendOwn(link, RESET, done);
}

function sendOwn(link: Link, statement: Statement, done: () => void): void {
  const end = (error: Error | undefined) => {
    if (error !== undefined) link.destroy(error); // it may be in any state: better none than that
    done();
  };
  link.send({ calls: [callOf(statement)], mayWait: true, sent: false, end });
}
