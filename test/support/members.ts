import { readFileSync } from "node:fs";
import { join } from "node:path";
import { signalAll } from "../../src/engines/patroni/testing-processes.ts";
import { clusterView, type MemberView } from "../../src/engines/patroni/view.ts";
import { Endpoints } from "../../src/topology/endpoints.ts";
import { PORTS } from "../../src/topology/placement.ts";

/** The members of a deployment's database, as Patroni knows them. */
export interface Members {
  view(): Promise<readonly MemberView[]>;
  /** Name of the primary. @throws while there is none */
  primary(): Promise<string>;
  /** Names of the standbys. */
  standbys(): Promise<readonly string[]>;
  /** Every member runs, one leads, and all others are synchronous. */
  whole(): Promise<boolean>;
}

/** Asks the members that the deployment's endpoints name. */
export function membersOf(folder: string): Members {
  const view = () => {
    const main = Endpoints.parse(JSON.parse(readFileSync(join(folder, ".ninefold", "endpoints.json"), "utf8"))).clusters
      .main;
    if (main === undefined) throw new Error("the endpoints know no database");
    const places = [main.primary, ...main.standbys].map(({ host }) => ({ address: host, restPort: PORTS.patroniRest }));
    return clusterView(places);
  };
  const named = async (leads: boolean) =>
    (await view()).filter(({ role }) => (role === "primary") === leads).map(({ name }) => name);
  return {
    view,
    primary: async () => {
      const [name] = await named(true);
      if (name === undefined) throw new Error("no member leads");
      return name;
    },
    standbys: () => named(false),
    whole: async () => {
      const members = await view().catch(() => []);
      const timeline = members.find(({ role }) => role === "primary")?.timeline;
      return (
        members.length === 3 &&
        timeline !== undefined &&
        members.every((one) => one.role !== "standby" && one.state === "running" && one.timeline === timeline)
      );
    },
  };
}

/** Folder of an instance, in which all its processes work. */
export function instanceFolder(folder: string, name: string): string {
  return join(folder, ".ninefold", "instances", name);
}

/** Sends a signal to everything that runs on an instance's host. */
export function signalHost(folder: string, name: string, signal: NodeJS.Signals): void {
  if (signalAll(instanceFolder(folder, name), signal) === 0) throw new Error(`nothing runs on the host of ${name}`);
}

/** Process number of a member's PostgreSQL. */
export function postmaster(folder: string, name: string): number {
  return Number(readFileSync(join(instanceFolder(folder, name), "data", "postmaster.pid"), "utf8").split("\n")[0]);
}
