import type { TestConduit } from "./testing/conduit.ts";
import { startOwnConduit } from "./testing/own.ts";
import { runningConduit } from "./testing/running.ts";

export type { TestConduit } from "./testing/conduit.ts";

/**
 * Conduit for a test: in this process with a database of its own, or, where `NINEFOLD_URL` and `NINEFOLD_FOLDER` name one that
 * runs, that one, whose data is then deleted. Tests of such a one run one after the other (`--no-file-parallelism`).
 */
export function startConduit(): Promise<TestConduit> {
  const { NINEFOLD_URL, NINEFOLD_FOLDER } = process.env;
  return NINEFOLD_URL === undefined || NINEFOLD_FOLDER === undefined
    ? startOwnConduit()
    : runningConduit(NINEFOLD_URL, NINEFOLD_FOLDER);
}
