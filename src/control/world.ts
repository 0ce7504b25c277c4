import type { Situation } from "../plan/situation.ts";
import type { DatabaseSettings } from "../plan/step.ts";
import type { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
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
  /** Loads the release's module in a process of its own. */
  inspect(release: number, topology: Topology): Promise<void>;
  initDatabase(name: InstanceName, settings: DatabaseSettings): Promise<void>;
  /** Starts PostgreSQL with these settings, restarting it when it runs with others, until it lets us sign in. */
  startDatabase(name: InstanceName, settings: DatabaseSettings, context: StepContext): Promise<void>;
  stopDatabase(name: InstanceName): Promise<void>;
  prepareDatabase(name: InstanceName, settings: DatabaseSettings): Promise<void>;
  migrate(release: number, topology: Topology, context: StepContext): Promise<void>;
  publishEndpoints(database: InstanceName): Promise<void>;
  /** Starts an instance and waits until it says that it is ready. */
  startInstance(instance: ServiceInstance, topology: Topology, context: StepContext): Promise<void>;
  /** Asks an instance to finish what it has begun, waits, and removes it. */
  stopInstance(name: InstanceName): Promise<void>;
  /** Removes the data, the releases and the secrets. */
  destroyData(database: InstanceName): Promise<void>;
  /** Every instance there is, those of the control plane and the agent left out. */
  instances(): Promise<readonly InstanceName[]>;
  /** Writes numbers of instances that a plan changed into the user's own topology file, if there is one. */
  writeBack(from: Situation, to: Situation): Promise<void>;
  /** Keeps versions of the topology as files, and removes releases that nothing uses any more. */
  keep(kept: readonly KeptTopology[], releases: ReadonlySet<number>): Promise<void>;
}
