import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes that belong to a service's folder: the folder, or the place that its instances' data lies in, stands in their
 * command line or is their working folder.
 */
export function processesUnder(folder: string): Process[] {
  const places = [folder, dataFolder(folder)].filter((place) => place !== undefined);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const cwd = readlinkSync(`/proc/${name}/cwd`);
        const belongs = places.some((place) => command.includes(place) || cwd === place || cwd.startsWith(`${place}/`));
        return belongs ? [{ pid: Number(name), command }] : [];
      } catch {
        return [];
      }
    });
}

function dataFolder(folder: string): string | undefined {
  try {
    return realpathSync(join(folder, ".ninefold", "instances"));
  } catch {
    return undefined;
  }
}

/** Process of the one agent that runs for a service's folder. */
export function agentPid(folder: string): number {
  const agents = processesUnder(folder).filter(({ command }) => /machine\/local\/agent\.[jt]s/.test(command));
  if (agents.length !== 1 || agents[0] === undefined) throw new Error(`${agents.length} agents run for ${folder}`);
  return agents[0].pid;
}
