import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Health, Placed } from "../../engines/engine.ts";
import {
  clusterView,
  leaderOf,
  type MemberView,
  type PatroniSpec,
  patroniEngine,
  writePatroniSecrets,
} from "../../engines/patroni/index.ts";
import { isFree } from "../../machine/free-port.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import { membersOf } from "../../plan/replication.ts";
import type { DatabaseSettings, Replication } from "../../plan/step.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { SystemPlaces } from "../placed-system.ts";
import { StepFailed } from "../problem.ts";
import { sameOnDisk } from "../same-on-disk.ts";
import { until } from "../until.ts";
import { isBlocked, startFailed } from "../until-healthy.ts";
import type { StepContext } from "../world.ts";

export type Member = Placed<PatroniSpec>;

/** Longest wait for a primary, in milliseconds: recovery after a crash may replay for long. */
const LED_MS = 60_000;
const RECOVERY_MS = 600_000;
const LOOK_MS = 50;
/** Longest wait for a member to lead, in milliseconds; a failover takes a `ttl` and some. */
const LEADER_MS = 90_000;
/** Longest wait for a standby that may lead, in milliseconds: it may have to be rewound first. */
const READY_MS = 30_000;

/** Settings of a member that is only looked at, or stopped. */
export const ANY: DatabaseSettings = { maxConnections: 100, memoryMb: 512 };

/** For short waits that nobody follows or turns back. */
const UNATTENDED = { everyMs: LOOK_MS, signal: new AbortController().signal, progress: () => undefined };

/** What is done to members of clusters under Patroni, one or several. */
export function patroniMembers(machine: LocalMachine, places: SystemPlaces) {
  const failed = startFailed("database-did-not-start", machine);

  async function write(member: Member): Promise<void> {
    const files = patroniEngine.render(member);
    if (!(await sameOnDisk(member.folder, files))) await machine.write(member.name, files, "engine");
    await writePatroniSecrets(machine, member);
  }

  /** The member that leads now, waited for while none does. */
  async function leader(all: readonly Member[]): Promise<Member> {
    let found: Member | undefined;
    const look = async () => {
      const view = await clusterView(all.map(({ spec }) => spec)).catch(() => []);
      found = all.find(({ name }) => name === leaderOf(view));
      return found === undefined ? { open: false as const, says: "no member leads" } : { open: true as const };
    };
    await until(look, {
      ...UNATTENDED,
      withinMs: () => LEADER_MS,
      late: async (says, ms) => nobodyLeads(all, `${says} for ${Math.round(ms / 1_000)} s`),
    });
    if (found === undefined) throw nobodyLeads(all, "no member leads");
    return found;
  }

  /**
   * The first of these that may lead, waited for while none may: right after a failover commits do not wait for all standbys
   * yet, and Patroni refuses one that could lack some.
   */
  async function ready(all: readonly Member[], among: readonly InstanceName[]): Promise<InstanceName> {
    let found: InstanceName | undefined;
    const synchronous = all.some(({ spec }) => spec.replication?.synchronous);
    const look = async () => {
      const view = await clusterView(all.map(({ spec }) => spec)).catch(() => []);
      const may = ({ role, state, mayLead }: MemberView) =>
        synchronous ? role === "synchronous" : role === "standby" && mayLead && state === "running";
      found = among.find((name) => view.some((known) => known.name === name && may(known)));
      const says = `${among.join(", ")} may not lead: it lacks what others have`;
      return found === undefined ? { open: false as const, says } : { open: true as const };
    };
    await until(look, { ...UNATTENDED, withinMs: () => READY_MS, late: async (says) => nobodyLeads(all, says) });
    if (found === undefined) throw nobodyLeads(all, "no standby may lead");
    return found;
  }

  return {
    write,
    leader,
    ready,
    placed: (first: InstanceName, settings: DatabaseSettings, replication?: Replication): readonly Member[] =>
      membersOf(first, replication).map((name) => places.patroni(name, settings, replication)),
    /** Starts a member from its files; does not wait for it. */
    launch: async (member: Member) => {
      await write(member);
      await portIsFree(member);
      await machine.start(member.name, patroniEngine.command(member));
    },
    /** Waits until one leads and takes writes. Gives the members that are well. */
    untilLed: async (all: readonly Member[], { signal, progress }: StepContext): Promise<readonly Member[]> => {
      let well: readonly Member[] = [];
      const look = async () => {
        const told = await Promise.all(
          all.map(async (member) => ({ member, health: await patroniEngine.health(member) })),
        );
        well = told.filter(({ health }) => health.healthy).map(({ member }) => member);
        const lacks = lacking(told);
        if (lacks === undefined) return { open: true as const };
        return { open: false as const, says: lacks, blocked: told.every(({ health }) => isBlocked(health)) };
      };
      await until(look, {
        everyMs: LOOK_MS,
        withinMs: (says) => (says.includes("starting up") ? RECOVERY_MS : LED_MS),
        signal,
        progress,
        late: (says, ms) =>
          failed(all[0]?.name as InstanceName, `there is no primary after ${Math.round(ms / 1_000)} s: ${says}`),
      });
      return well;
    },
  };
}

/** Looked at before a member's first start: later its port is with its own PostgreSQL, which outlives a killed Patroni. */
async function portIsFree({ name, folder, spec: { address, port } }: Member): Promise<void> {
  if (existsSync(join(folder, "data")) || (await isFree(address, port))) return;
  throw new StepFailed("port-in-use", {
    at: name,
    says: `port ${port} on ${address} is in use by another program`,
    fix: `stop what listens there (\`ss -ltnp\` shows it), and run the command again`,
  });
}

/** Which of some members leads; undefined while none does, or none tells. */
export async function leaderAmong(places: SystemPlaces, names: readonly InstanceName[]): Promise<string | undefined> {
  const specs = names.map((name) => places.patroni(name, ANY).spec);
  return leaderOf(await clusterView(specs).catch(() => []));
}

/** What members lack to take writes; undefined when they do. One that strictly waits for standbys needs one of them. */
function lacking(told: readonly { readonly member: Member; readonly health: Health }[]): string | undefined {
  const roles = told.map(({ health }) => (health.healthy ? health.details.role : undefined));
  const strict = told[0]?.member.spec.replication?.strict === true;
  if (roles.includes("primary") && (!strict || roles.some((role) => role !== undefined && role !== "primary")))
    return undefined;
  return told
    .filter(({ health }) => !health.healthy || told.length === 1)
    .map(({ member, health }) => {
      const says = health.healthy ? "it is not the primary yet" : health.says;
      return told.length === 1 ? says : `${member.name}: ${says}`;
    })
    .join("; ");
}

function nobodyLeads(all: readonly Member[], says: string): StepFailed {
  return new StepFailed("no-primary", {
    at: all[0]?.name ?? "database",
    says,
    fix: "see `ninefold status` for what its members lack",
  });
}
