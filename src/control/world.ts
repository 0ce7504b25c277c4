import type { DatabaseSettings } from "../plan/step.ts";
import type { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";

/** An instance of the service as a step wants it. */
export interface ServiceInstance {
  readonly instance: InstanceName;
  readonly role: "app" | "worker";
  readonly release: number;
}

export type Progress = (says: string) => void;

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
  startDatabase(name: InstanceName, settings: DatabaseSettings, progress: Progress): Promise<void>;
  stopDatabase(name: InstanceName): Promise<void>;
  prepareDatabase(name: InstanceName, settings: DatabaseSettings): Promise<void>;
  migrate(release: number, topology: Topology, progress: Progress): Promise<void>;
  publishEndpoints(database: InstanceName): Promise<void>;
  /** Starts an instance and waits until it says that it is ready. */
  startInstance(instance: ServiceInstance, topology: Topology, progress: Progress): Promise<void>;
  /** Asks an instance to finish what it has begun, waits, and removes it. */
  stopInstance(name: InstanceName): Promise<void>;
  /** Removes the data, the releases and the secrets. */
  destroyData(database: InstanceName): Promise<void>;
  /** Every instance there is, those of the control plane and the agent left out. */
  instances(): Promise<readonly InstanceName[]>;
  /** Removes what no situation uses any more: folders of releases and of instances that ran them. */
  prune(keep: ReadonlySet<number>): Promise<void>;
}
