import { NinefoldError, type Problem } from "../topology/problem.ts";
import { readConfig, readInstance } from "./instance.ts";
import type { Role } from "./life.ts";
import { type Log, openLog } from "./log.ts";
import { whenOrphaned } from "./orphan.ts";

/** An instance that could not start says why for this long before it ends and is restarted, milliseconds. */
const FAILED_MS = 10_000;
/** After an error nobody caught, open requests get this long to end, milliseconds. */
const CRASH_DRAIN_MS = 5_000;

/** The process of one instance, from its `instance.json`. Ends the process itself. */
export async function runInstance(path: string | undefined): Promise<void> {
  if (path === undefined) {
    process.stderr.write("usage: node main.js <instance.json>\n");
    process.exit(2);
  }
  const config = await readConfig(path).catch((error: unknown) => refuse(error));
  process.title = `ninefold ${config.instance}`;
  const opened = openLog(config);
  const instance =
    config.role === "inspect" ? undefined : await readInstance(config).catch((error: unknown) => refuse(error));

  // Each role is loaded alone: an app needs no queue, a migration no HTTP.
  if (instance === undefined) {
    const { inspect } = await import("./roles/inspect.ts");
    return tell(() => inspect(config, opened.log));
  }
  if (config.role === "migrate") {
    const { migrateService } = await import("./roles/migrate.ts");
    return tell(() => migrateService(instance, opened.log));
  }
  const start =
    config.role === "app"
      ? (await import("./roles/app.ts")).startApp
      : (await import("./roles/worker.ts")).startJobWorker;
  run(start(instance, opened.log), opened, path);
}

/** Runs a role until it is asked to end or its file is gone (exit 0), it cannot start, or meets an error nobody caught (exit 1). */
function run(role: Role, { log, flush }: Log, file: string): void {
  const end = (code: number) => {
    flush();
    process.exit(code);
  };
  let ending = false;
  const stop = () => {
    if (ending) return;
    ending = true;
    role.stop().then(
      () => end(0),
      (error: unknown) => {
        log.error({ err: error }, "the instance did not end in good order");
        end(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  whenOrphaned(file, () => {
    log.warn({ file }, "what this instance runs from is gone, so it ends");
    stop();
  });
  process.on("uncaughtException", (error, origin) => {
    log.fatal({ err: error, origin }, "an error was caught by nobody; the process ends");
    setTimeout(() => end(1), CRASH_DRAIN_MS);
    if (ending) return;
    ending = true;
    role.stop().finally(() => end(1));
  });
  void role.failed.then(() => setTimeout(() => end(1), FAILED_MS));
}

/** Runs a one-shot role: its result is the last line of standard output, its exit code 0 or 1. */
async function tell(work: () => Promise<object>): Promise<void> {
  try {
    process.stdout.write(`${JSON.stringify(await work())}\n`, () => process.exit(0));
  } catch (error) {
    refuse(error);
  }
}

function refuse(error: unknown): never {
  const result = { ok: false, problems: problemsOf(error) };
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit(1);
}

function problemsOf(error: unknown): readonly Problem[] {
  if (error instanceof NinefoldError) {
    const all = (error as { problems?: readonly Problem[] }).problems;
    return all ?? [{ at: error.at, says: error.says, fix: error.fix }];
  }
  const says = error instanceof Error ? error.message : String(error);
  return [{ at: "instance", says, fix: "See the log of the instance" }];
}
