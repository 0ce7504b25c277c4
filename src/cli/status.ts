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
    table([
      ["INSTANCE", "ADDRESS", "HEALTH", "LOAD", "VERSION", "SINCE", "RESTARTS", "MEMORY", "PID"],
      ...status.instances.map(row),
    ]),
  );
  const members = status.instances.filter(({ details }) => details?.timeline !== undefined);
  if (members.length > 1) {
    terminal.line();
    terminal.line(table([["DATABASE", "ROLE", "TIMELINE", "POSITION", "BEHIND", "FOR"], ...members.map(member)]));
  }
  const { connections } = status;
  if (connections !== undefined) {
    terminal.line();
    terminal.line(
      `Database connections: ${connections.pools} in pools, ${connections.peak} at most during a change, ` +
        `${connections.max - connections.reserved} allowed (${connections.max} less ${connections.reserved} kept back)`,
    );
  }
  if (status.copy !== undefined) {
    terminal.line();
    terminal.line(`${status.copy} follows, so that going back loses nothing; \`ninefold finish\` removes it.`);
  }
  const { backups } = status;
  if (backups !== undefined) {
    const { archiving, last, restored } = backups;
    const made = last === undefined ? "none yet" : `the last one ${duration(Date.now() - last.at)} ago (${last.label})`;
    terminal.line();
    terminal.line(`Backups: ${made}; archiving of the log is ${archiving}.`);
    if (restored !== undefined)
      terminal.line(`${restored} is restored beside; \`ninefold restore --drop\` removes it.`);
  }
  for (const problem of status.problems) {
    terminal.line();
    terminal.line(`${colors.red("problem")} ${problem.at}: ${problem.says}`);
    terminal.line(`${colors.green("    fix")} ${problem.fix}`);
  }
}

/** How busy it is, in its own terms. */
function load({ details = {}, cpuMs, startedAt }: InstanceView): string {
  const words = [
    details.role,
    ...(["inFlight", "connections", "serversUp"] as const).flatMap((key) =>
      details[key] === undefined ? [] : [`${details[key]} ${LOADS[key]}`],
    ),
  ].filter((word) => word !== undefined);
  if (words.length > 0) return words.join(", ");
  if (cpuMs === undefined || startedAt === undefined) return "-";
  return `${((100 * cpuMs) / Math.max(1, Date.now() - startedAt)).toFixed(1)} % of a core`;
}

/** A member of the database; how far what it shows is behind the primary. */
function member({ name, details = {} }: InstanceView): string[] {
  const { role, timeline, position, lagBytes, lagMs } = details;
  return [
    name,
    String(role ?? "-"),
    String(timeline ?? "-"),
    String(position ?? "-"),
    lagBytes === undefined ? "-" : bytes(Number(lagBytes)),
    lagMs === undefined ? "-" : duration(Number(lagMs)),
  ];
}

const LOADS = { inFlight: "in flight", connections: "connections", serversUp: "servers" } as const;

function row(instance: InstanceView): string[] {
  return [
    instance.name,
    instance.address ?? "-",
    instance.state === "running" ? instance.health : instance.state,
    load(instance),
    instance.release === undefined ? String(instance.details?.version ?? "-") : `release ${instance.release}`,
    instance.startedAt === undefined ? "-" : duration(Date.now() - instance.startedAt),
    String(instance.restarts) + (instance.lastEnd === undefined ? "" : ` (${instance.lastEnd})`),
    instance.memoryBytes === undefined ? "-" : bytes(instance.memoryBytes),
    instance.pid === undefined ? "-" : String(instance.pid),
  ];
}
