import type { MemberView } from "../engines/patroni/index.ts";
import type { ClusterKind } from "../plan/clusters.ts";
import type { Situation } from "../plan/situation.ts";
import type { DatabaseSettings, MoveRef, Replication } from "../plan/step.ts";
import type { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import type { ClusterRef, ClusterRunner } from "./clusters/cluster.ts";
import type { KeptTopology } from "./journal.ts";

/** An instance of the service as a step wants it. */
interface ServiceInstance {
  readonly instance: InstanceName;
  readonly role: "app" | "worker";
  readonly release: number;
}

/** What a step that waits is given. */
export interface StepContext {
  /** Tells what it waits for. */
  readonly progress: (says: string) => void;
  /** Aborted when somebody asked to go back: the wait then ends at once. */
  readonly signal: AbortSignal;
}

/** What a step at the balancer needs besides. */
export interface BalancerContext {
  readonly topology: Topology;
  readonly context: StepContext;
}

/** What is done to one move; each may be done again. */
export interface MoveActions {
  /** @throws MoveRefused when something cannot be moved */
  check(context: StepContext): Promise<void>;
  copySchema(context: StepContext): Promise<void>;
  copyRows(context: StepContext): Promise<void>;
  finish(context: StepContext): Promise<void>;
  verify(context: StepContext): Promise<void>;
  /** From the source to the target, or back; returns when the service uses it. */
  cutOver(forward: boolean, context: StepContext): Promise<void>;
  /** Gives a cut-over up: nothing of it is left, or it is gone back on without loss. */
  cutBack(forward: boolean, context: StepContext): Promise<void>;
  /** Removes all that was made for the move before a cut-over, on both sides. */
  discard(context: StepContext): Promise<void>;
  /** Ends the following; the side that does not serve, `drops`, is removed by the caller. */
  drop(drops: "source" | "target", context: StepContext): Promise<void>;
}

/** A cluster under Patroni as a step of its standbys wants it. */
export interface StandbysRef {
  /** Its first member. */
  readonly cluster: InstanceName;
  readonly settings: DatabaseSettings;
  /** How it is replicated while the step is done. */
  readonly replication: Replication;
}

/** What is done to the standbys of one cluster; each may be done again. Any member may lead when one begins. */
export interface StandbyActions {
  /** Returns when it streams and lacks little. */
  add(standby: InstanceName, context: StepContext): Promise<void>;
  /** Lets another one lead first, where it leads. Its data goes. */
  remove(standby: InstanceName): Promise<void>;
  /** Returns when commits wait for those standbys that `next` says, or for none. */
  change(next: Replication): Promise<void>;
  /** Returns when one of these leads. */
  lead(among: readonly InstanceName[]): Promise<void>;
  /** What the members know of each other. @throws PatroniFailed when none answers */
  view(): Promise<readonly MemberView[]>;
  /** Moves the primary on purpose, to a certain member or to one that Patroni chooses. Gives who led and who leads. */
  switchover(to: InstanceName | undefined): Promise<{ readonly from: InstanceName; readonly to: InstanceName }>;
}

/**
 * What steps act on, in their own words. Each action looks at the world first, does what is missing, and returns only when
 * its gate is open; it is safe to run again after a crash at any line. Each throws a NinefoldError that says what was found.
 */
export interface World {
  /** Throws PortInUse, AddressRefused. */
  openSocket(address: { readonly host: string; readonly port: number }): Promise<void>;
  closeSocket(address: { readonly host: string; readonly port: number }): Promise<void>;
  writeSecrets(): Promise<void>;
  makeRelease(release: number, from: "folder" | number): Promise<void>;
  /** Loads the release's module in a process of its own; with `migrates` that goes on with the migrations, which `migrate` waits for. */
  inspect(release: number, topology: Topology, context: StepContext, migrates?: boolean): Promise<void>;
  /** Starts members of etcd, until most of them agree, with its users. */
  startEtcd(names: readonly InstanceName[], context: StepContext): Promise<void>;
  stopEtcd(names: readonly InstanceName[]): Promise<void>;
  /** One member more, or one less, than the others. */
  addEtcd(name: InstanceName, others: readonly InstanceName[]): Promise<void>;
  removeEtcd(name: InstanceName, others: readonly InstanceName[]): Promise<void>;
  standbys(cluster: StandbysRef): StandbyActions;
  cluster(kind: ClusterKind): ClusterRunner;
  /** `copy`: the release before, where another cluster has its tables too: new migrations are refused then. */
  migrate(release: number, topology: Topology, context: StepContext, copy?: number): Promise<void>;
  /** Tells the service, what runs of it included, which cluster serves, and which one soon will. */
  publishEndpoints(cluster: ClusterRef, upcoming?: ClusterRef): Promise<void>;
  /** The same, and returns when what runs uses them. */
  publishStandbys(cluster: ClusterRef, context: StepContext): Promise<void>;
  move(move: MoveRef): MoveActions;
  /** Starts an instance and waits until it says that it is ready. */
  startInstance(instance: ServiceInstance, topology: Topology, context: StepContext): Promise<void>;
  /** Asks an instance to finish what it has begun, waits, and removes it. */
  stopInstance(name: InstanceName): Promise<void>;
  /** Makes the balancer run in front of exactly these servers, with the topology's limits; waits until all of them are up. */
  startBalancer(name: InstanceName, servers: readonly InstanceName[], on: BalancerContext): Promise<void>;
  stopBalancer(name: InstanceName): Promise<void>;
  /** Sends a server requests once the balancer has found it ready. */
  enterBalancer(name: InstanceName, server: InstanceName, on: BalancerContext): Promise<void>;
  /** Sends a server no more requests, and returns when those that it had are answered. */
  leaveBalancer(name: InstanceName, server: InstanceName, on: BalancerContext): Promise<void>;
  /** Removes the data, the releases and the secrets. */
  destroyData(): Promise<void>;
  /** Every instance there is, those of the control plane and the agent left out. */
  instances(): Promise<readonly InstanceName[]>;
  /** Writes numbers of instances that a plan changed into the user's own topology file, if there is one. */
  writeBack(from: Situation, to: Situation): Promise<void>;
  /** Keeps versions of the topology as files, and removes releases that nothing uses any more. */
  keep(kept: readonly KeptTopology[], releases: ReadonlySet<number>): Promise<void>;
}
