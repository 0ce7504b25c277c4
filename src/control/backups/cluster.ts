import { join } from "node:path";
import type { Placed } from "../../engines/engine.ts";
import { systemPgbackrest } from "../../engines/packages.ts";
import { clusterView } from "../../engines/patroni/index.ts";
import type { BackupsSpec } from "../../engines/pgbackrest/index.ts";
import type { Machine } from "../../machine/machine.ts";
import { backupsName, restoredName } from "../../plan/backups.ts";
import { clusterName, clustersOf } from "../../plan/clusters.ts";
import { databaseSettings } from "../../plan/database-steps.ts";
import { membersOf, replicationOf } from "../../plan/replication.ts";
import { firstDatacenter, mainDatabase, type Situation } from "../../plan/situation.ts";
import type { DatabaseSettings } from "../../plan/step.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { Member } from "../clusters/patroni-members.ts";
import type { StatePaths } from "../paths.ts";
import type { SystemPlaces } from "../placed-system.ts";
import { NothingThere, StepFailed } from "../problem.ts";

/** The cluster that serves, as backups want it. */
export interface BackedUp {
  readonly members: readonly Member[];
  readonly settings: DatabaseSettings;
  readonly backups: Placed<BackupsSpec>;
  /** Where a restore puts its database. */
  readonly restored: InstanceName;
  /** Standbys are held behind on purpose. */
  readonly held: boolean;
}

/** @throws NothingThere where the database is not one that is backed up, PackagesMissing */
export function backedUp(
  situation: Situation,
  { machine, places, paths }: { machine: Pick<Machine, "folder" | "sockets">; places: SystemPlaces; paths: StatePaths },
): BackedUp {
  const { topology, running } = situation;
  const clusters = clustersOf(situation);
  if (!running || topology === undefined || clusters === undefined)
    throw new NothingThere("the service does not run", "start it with `ninefold up`");
  const { serving } = clusters;
  if (serving.kind !== "patroni") {
    throw new NothingThere(
      "backups need the database on a host of its own",
      "climb to rung 2 first, which the service serves through: `ninefold climb --to 2`",
    );
  }
  const program = systemPgbackrest();
  const settings = databaseSettings(topology);
  const replication = replicationOf(topology, clusters, serving);
  const members = membersOf(clusterName(topology, serving), replication).map((name) =>
    places.patroni(name, settings, replication),
  );
  const datacenter = firstDatacenter(topology);
  const name = backupsName(datacenter);
  const spec: BackupsSpec = {
    program,
    stanza: members[0]?.spec.scope ?? "",
    keep: mainDatabase(topology).backup.keep,
    secrets: join(paths.secrets, "backup.json"),
  };
  return {
    members,
    settings,
    backups: { name, spec, folder: machine.folder(name), sockets: machine.sockets(name) },
    restored: restoredName(datacenter),
    held: replication.lagMs > 0,
  };
}

/** The primary, and a standby that is well where there is one. @throws PatroniFailed while no member answers */
export async function whoLeads(
  members: readonly Member[],
): Promise<{ primary: Member | undefined; standby: Member | undefined }> {
  const view = await clusterView(members.map(({ spec }) => spec));
  const find = (role: string) => {
    const names = view.filter((one) => one.role === role && one.state === "running").map(({ name }) => name);
    return members.find(({ name }) => names.includes(name));
  };
  return { primary: find("primary"), standby: find("synchronous") ?? find("standby") };
}

/** As {@link whoLeads}. @throws StepFailed while nobody leads */
export async function leading(members: readonly Member[]): Promise<{ primary: Member; standby: Member | undefined }> {
  const { primary, standby } = await whoLeads(members);
  if (primary !== undefined) return { primary, standby };
  const fix = "see `ninefold status` for what its members lack, and try again";
  throw new StepFailed("no-primary", { at: members[0]?.name ?? "database", says: "no member leads", fix });
}
