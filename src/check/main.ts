import { createInterface } from "node:readline";
import { NinefoldError } from "../topology/problem.ts";
import type { FromCheck, ToCheck } from "./messages.ts";
import { type RunningCheck, startCheck } from "./start.ts";

/**
 * A check in a process of its own, driven by lines of JSON; see messages.ts. When its standard input ends, whoever started
 * it is gone and it ends too.
 */
async function main() {
  const say = (message: FromCheck) => process.stdout.write(`${JSON.stringify(message)}\n`);
  let running: RunningCheck | undefined;
  // Ctrl-C in a terminal reaches this process too; whoever started it decides what it means.
  process.on("SIGINT", () => {});
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const message: ToCheck = JSON.parse(line);
      if (message.type === "start") {
        const { durationMs: _, ...config } = message.config;
        running = await startCheck(config);
        say({ type: "started" });
      } else if (running === undefined) {
        throw new TypeError("the first line must start the check");
      } else if (message.type === "snapshot") say({ type: "snapshot", snapshot: running.report() });
      else if (message.type === "finish") {
        finish(running, message.after).catch(fail);
      } else {
        await running.stop();
        say({ type: "stopped" });
        process.exit(0);
      }
    }
    process.exit(4);
  } catch (error) {
    fail(error);
  }

  async function finish(check: RunningCheck, after: number) {
    const report = await check.finish({ after });
    process.stdout.write(`${JSON.stringify({ type: "report", report } satisfies FromCheck)}\n`, () => process.exit(0));
  }

  function fail(error: unknown) {
    const known = error instanceof NinefoldError;
    const says = error instanceof Error ? error.message : String(error);
    const problem = known
      ? { at: error.at, says: error.says, fix: error.fix }
      : { at: "check", says, fix: "Please report this" };
    const message: FromCheck = { type: "error", code: known ? error.code : "internal", problem };
    process.stdout.write(`${JSON.stringify(message)}\n`, () => process.exit(1));
  }
}

await main();
