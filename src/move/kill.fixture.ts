// Runs one step of a move, and dies with SIGKILL just after its n-th statement was sent or just after it was answered, as told on
// standard input; ends with 0 when the step ended first. For the tests of this folder.
import { text } from "node:stream/consumers";
import { Client } from "pg";
import { type MoveSpec, openMove } from "./move.ts";
import { MOVE_STEPS } from "./steps.ts";
import { context } from "./testing.ts";
import { abandon } from "./undo.ts";

const { spec, step, at, answered } = JSON.parse(await text(process.stdin)) as {
  spec: MoveSpec;
  step: string;
  at: number;
  answered: boolean;
};

let sent = 0;
const query = Client.prototype.query as (...given: unknown[]) => Promise<unknown>;
Client.prototype.query = async function counted(this: Client, ...given: unknown[]) {
  sent += 1;
  const last = sent === at;
  const answer = query.apply(this, given);
  if (last && answered) await answer.catch(() => undefined);
  if (last) setTimeout(() => process.kill(process.pid, "SIGKILL"), answered ? 0 : 2);
  if (last && answered) await new Promise(() => undefined);
  return answer;
} as never;

const run = step === "abandon" ? abandon : MOVE_STEPS.find(({ name }) => name === step)?.run;
if (run === undefined) throw new Error(`no step ${step}`);
await run(openMove(spec), context());
process.exit(0);
