import type { Command } from "commander";
import type { InstanceView, StatusView } from "../control/event.ts";
import { type Cli, runningControl } from "./context.ts";
import { bytes, duration, type Terminal, table } from "./terminal.ts";

export function statusCommand(program: Command, cli: Cli): void {
  program
    .command("status")
    .description("show what runs, how it is, what is wrong and what to do")
    .option("--json", "print the status as JSON")
    .action(async (options: { json?: boolean }) => {
      const status = await (await runningControl(cli)).status();
      if (options.json === true) cli.terminal.line(JSON.stringify(status, undefined, 2));
      else show(status, cli.terminal);
    });
}

function show(status: StatusView, terminal: Terminal): void {
  const { colors } = terminal;
  const facts = [
    status.rung === undefined ? undefined : `rung ${status.rung}`,
    status.release === undefined ? undefined : `release ${status.release}`,
    status.topology === undefined ? undefined : `topology ${status.topology}`,
    status.url,
  ].filter((fact) => fact !== undefined);
  terminal.line(`${colors.bold(status.service ?? status.folder)} is ${status.state}: ${facts.join(", ")}`);
  if (status.plan?.state === "running" || status.plan?.state === "undoing")
    terminal.line(`Under way: ${status.plan.says}`);
  terminal.line();
  terminal.line(
    table([["INSTANCE", "HEALTH", "RELEASE", "SINCE", "RESTARTS", "MEMORY", "PID"], ...status.instances.map(row)]),
  );
  const { connections } = status;
  if (connections !== undefined) {
    terminal.line();
    terminal.line(
      `Database connections: ${connections.pools} in pools, ${connections.peak} at most during a change, ` +
        `${connections.max - connections.reserved} allowed (${connections.max} less ${connections.reserved} kept back)`,
    );
  }
  for (const problem of status.problems) {
    terminal.line();
    terminal.line(`${colors.red("problem")} ${problem.at}: ${problem.says}`);
    terminal.line(`${colors.green("    fix")} ${problem.fix}`);
  }
}

function row(instance: InstanceView): string[] {
  return [
    instance.name,
    instance.state === "running" ? instance.health : instance.state,
    instance.release === undefined ? "-" : String(instance.release),
    instance.startedAt === undefined ? "-" : duration(Date.now() - instance.startedAt),
    String(instance.restarts) + (instance.lastEnd === undefined ? "" : ` (${instance.lastEnd})`),
    instance.memoryBytes === undefined ? "-" : bytes(instance.memoryBytes),
    instance.pid === undefined ? "-" : String(instance.pid),
  ];
}
