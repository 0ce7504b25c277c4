import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import type { ControlClient } from "../control/client.ts";
import type { Change } from "../control/event.ts";
import { connect, ensureControl } from "../control/start.ts";
import type { Rung } from "../topology/rung.ts";
import type { Cli } from "./context.ts";
import { exit } from "./exit.ts";
import { follow } from "./follow.ts";
import { LAG, rung, wholeNumber } from "./options.ts";
import { CommandFailed } from "./problem.ts";
import { stopEverything } from "./stop.ts";

interface UpOptions {
  detach?: boolean;
  port?: number;
  host?: string;
  app?: number;
  rung?: Rung;
  tls?: boolean;
  lag?: number;
  json?: boolean;
}

export function upCommand(program: Command, cli: Cli): void {
  program
    .command("up")
    .description("start the service with everything it needs; Ctrl-C stops it")
    .option("-d, --detach", "leave it running and return when it serves")
    .option("-p, --port <port>", "public port; the PORT variable is used unless given", wholeNumber(1, 65_535))
    .option("--host <host>", "public address to listen on")
    .option("--app <n>", "number of app instances", wholeNumber(1, 64))
    .option("--rung <n>", "rung to run at, 1 to 9, instead of that of the topology", rung)
    .option("--tls", "answer HTTPS, from rung 3, with a certificate of an authority made for this deployment")
    .option(...LAG)
    .option("--json", "print events as lines of JSON")
    .action((options: UpOptions) => up(cli, options));
}

async function up(cli: Cli, options: UpOptions): Promise<void> {
  const folder = cli.folder();
  const change = changeOf(options);
  const running = await connect(folder);
  if (running !== undefined && (await alreadySo(running, change, cli))) return;
  // What somebody else started stays theirs: it is changed, and goes on when this command ends.
  const detach = options.detach === true || (running !== undefined && (await running.status()).state !== "down");
  const interrupted = onInterrupt();
  const control = running ?? (await start(folder, change));
  const outcome = await Promise.race([
    follow(control.apply(change), cli.terminal, options).catch(async (error: unknown) => {
      await stopIfEmpty(folder, control);
      throw error;
    }),
    interrupted.promise,
  ]);
  if (outcome === "interrupted") return stopAfterInterrupt(cli, folder);
  if (!outcome.done) {
    await stopIfEmpty(folder, control);
    throw new CommandFailed(outcome.problem);
  }
  const status = await control.status();
  if (options.json !== true) greet(cli, status.service ?? "The service", status.url ?? "", detach);
  if (detach) return interrupted.release();
  const ended = await Promise.race([interrupted.promise, stoppedElsewhere(folder)]);
  if (ended === "interrupted") return stopAfterInterrupt(cli, folder);
  cli.terminal.note("Stopped.");
  interrupted.release();
}

/** What can be done before the control plane is there is loaded while the agent starts. */
function start(folder: string, change: Change & { kind: "up" }): Promise<ControlClient> {
  const ahead = import("../control/database-ahead.ts");
  return ensureControl(folder, {
    first: (own) => {
      ahead.then(({ initDatabaseAhead }) => initDatabaseAhead(own, change)).catch(() => undefined); // the plan will tell
    },
  });
}

function changeOf({ port = portFromEnvironment(), host, app, rung, tls, lag }: UpOptions): Change & { kind: "up" } {
  return {
    kind: "up",
    ...(port === undefined ? {} : { port }),
    ...(host === undefined ? {} : { host }),
    ...(app === undefined ? {} : { app }),
    ...(rung === undefined ? {} : { rung }),
    ...(tls === true ? { tls: "local" } : {}),
    ...(lag === undefined ? {} : { lagMs: lag }),
  };
}

/** Says so when all that is asked for already runs; a changed topology is something to do. */
async function alreadySo(control: ControlClient, change: Change, cli: Cli): Promise<boolean> {
  const status = await control.status();
  // What is missing or unwell is brought back by an `up` that has nothing else to do.
  if (status.state !== "up" || status.problems.length > 0) return false;
  if ((await control.plan(change)).steps.length > 0) return false;
  cli.terminal.note(`${status.service ?? "The service"} is already running on ${status.url ?? "this machine"}.`);
  cli.terminal.note("See `ninefold status`; `ninefold deploy` rolls out changed code; `ninefold down` stops it.");
  return true;
}

function portFromEnvironment(): number | undefined {
  const text = process.env.PORT;
  if (text === undefined || text === "") return undefined;
  try {
    return wholeNumber(1, 65_535)(text);
  } catch {
    const says = `\`${text}\` is no port; a port is a whole number from 1 to 65535`;
    throw new CommandFailed(
      { code: "bad-port", at: "PORT", says, fix: "set PORT to a free port, such as 8080" },
      exit.badInput,
    );
  }
}

function greet(cli: Cli, service: string, url: string, detached: boolean): void {
  const { terminal } = cli;
  terminal.line(`${service} serves on ${terminal.colors.bold(url)}`);
  terminal.line();
  terminal.line("Next, in the service's folder:");
  terminal.line("  npx ninefold status        what runs, and how it is");
  terminal.line("  npx ninefold scale app=2   more app instances, while it serves");
  terminal.line("  npx ninefold deploy        after a change of code: rolls it out without failing a request");
  terminal.line("  npx ninefold logs -f       what the instances say");
  terminal.line(
    detached ? "  npx ninefold down          stops it; the data stays" : "Ctrl-C stops it; the data stays.",
  );
}

/** A first `up` that came to nothing leaves no idle processes behind; one that other plans built on is left alone. */
async function stopIfEmpty(folder: string, control: ControlClient): Promise<void> {
  const status = await control.status().catch(() => undefined);
  if (status?.instances.every((instance) => instance.role === "control")) await stopEverything(folder, {});
}

async function stoppedElsewhere(folder: string): Promise<"stopped"> {
  while (true) {
    await pause(1_000);
    const control = await connect(folder);
    if (control === undefined) {
      // The agent restarts a control plane that died; only one that stays away was stopped.
      await pause(5_000);
      if ((await connect(folder)) === undefined) return "stopped";
    }
  }
}

function onInterrupt() {
  const { promise, resolve } = Promise.withResolvers<"interrupted">();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = () => resolve("interrupted");
  for (const signal of signals) process.on(signal, stop);
  return {
    promise,
    release: () => {
      for (const signal of signals) process.removeListener(signal, stop);
    },
  };
}

async function stopAfterInterrupt(cli: Cli, folder: string): Promise<void> {
  cli.terminal.settle();
  cli.terminal.note("Stopping …");
  const outcome = await stopEverything(folder, {}, cli.terminal);
  if (!outcome.done) throw new CommandFailed(outcome.problem);
  cli.terminal.note("Stopped; the data stays. `ninefold up` starts it again.");
  cli.exit(exit.interrupted);
}
