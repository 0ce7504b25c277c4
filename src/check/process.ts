import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ownProgram } from "../topology/package.ts";
import { NinefoldError } from "../topology/problem.ts";
import { CheckFileError, CheckSetupError } from "./errors.ts";
import type { FromCheck, ToCheck } from "./messages.ts";
import { type CheckConfig, parseConfig } from "./options.ts";
import { type Report, type Snapshot, withMethods } from "./report.ts";
import { elapsed, PROGRESS_MS, type RunHooks } from "./run.ts";

/** A check that runs in a process of its own. */
export interface CheckProcess {
  report(): Promise<Snapshot>;
  /** Goes on for `after` milliseconds, ends the traffic, audits, and gives the verdict. */
  finish(options?: { readonly after?: number }): Promise<Report>;
  /** Ends at once, without a verdict. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a check in a process of its own, so that neither shares an event loop with the other, and waits until its traffic
 * runs. `durationMs` is not used: it runs until `finish`.
 * @throws CheckFileError, CheckSetupError
 */
export async function startCheckProcess(config: CheckConfig): Promise<CheckProcess> {
  parseConfig(config);
  const child = spawn(process.execPath, ownProgram("check/main"), { stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const waiting = new Map<FromCheck["type"], Array<(message: FromCheck | Error) => void>>();
  let failure: Error | undefined;

  const settle = (error: Error) => {
    failure ??= error;
    for (const waiters of waiting.values()) for (const waiter of waiters.splice(0)) waiter(failure);
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message: FromCheck = JSON.parse(line);
    if (message.type === "error") settle(errorFrom(message));
    else for (const waiter of waiting.get(message.type)?.splice(0) ?? []) waiter(message);
  });
  child.on("error", settle);
  child.stdin.on("error", settle);
  exited.then(() => settle(new Error("the check's process has ended")));

  const tell = (message: ToCheck) => child.stdin.write(`${JSON.stringify(message)}\n`);
  function hear<T extends FromCheck["type"]>(type: T): Promise<Extract<FromCheck, { type: T }>> {
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      const waiters = waiting.get(type) ?? [];
      waiting.set(type, waiters);
      waiters.push((message) => {
        if (message instanceof Error) reject(message);
        else resolve(message as Extract<FromCheck, { type: T }>);
      });
    });
  }
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await exited;
  };

  tell({ type: "start", config });
  await hear("started").catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    async report() {
      tell({ type: "snapshot" });
      return (await hear("snapshot")).snapshot;
    },
    async finish({ after = 0 } = {}) {
      tell({ type: "finish", after });
      const { report } = await hear("report");
      await exited;
      return withMethods(report);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Like {@link runCheck}, in a process of its own. */
export async function runCheckProcess(config: CheckConfig, { onProgress, signal }: RunHooks = {}): Promise<Report> {
  const { durationMs } = parseConfig(config);
  await using check = await startCheckProcess(config);
  const timer = setInterval(() => {
    check.report().then(onProgress, () => {});
  }, PROGRESS_MS);
  try {
    await elapsed(durationMs, signal);
    return await check.finish();
  } finally {
    clearInterval(timer);
  }
}

function errorFrom({ code, problem }: Extract<FromCheck, { type: "error" }>): Error {
  if (code === "check-file") return new CheckFileError(problem.at, problem.says, problem.fix);
  if (code === "check-setup") return new CheckSetupError(problem.at, problem.says);
  return new NinefoldError(code, problem);
}
