import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { Op } from "./operation.ts";

/**
 * The run's linear log, one JSON line before each request and one after its answer, in the order in which the ledger
 * took them in: what a verdict rests on, for whoever wants to check it.
 */
export interface Journal {
  began(op: Op): void;
  ended(op: Op): void;
  close(): Promise<void>;
}

/** Text is gathered and written in pieces of this many characters. */
const PIECE = 64 * 1024;

export function createJournal(path: string): Journal {
  const file = createWriteStream(path);
  let failure: Error | undefined;
  file.on("error", (error) => {
    failure = error;
  });
  let piece = "";
  const line = (text: string) => {
    piece += text;
    if (piece.length < PIECE) return;
    file.write(piece);
    piece = "";
  };
  return {
    began(op) {
      const { began, id, session, name, claims, intendedMs, sentMs } = op;
      line(`${JSON.stringify({ line: began, op: id, session, name, claims, intendedMs, sentMs })}\n`);
    },
    ended(op) {
      const { ended, id, outcome, status, reason, finishedMs } = op;
      line(`${JSON.stringify({ line: ended, op: id, outcome, status, reason, finishedMs })}\n`);
    },
    async close() {
      file.end(piece);
      await finished(file).catch((error: Error) => {
        failure ??= error;
      });
      if (failure !== undefined) throw failure;
    },
  };
}
