import type { Health } from "../../engines/engine.ts";
import type { ClusterKind } from "../../plan/clusters.ts";
import type { DatabaseSettings } from "../../plan/step.ts";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { StepContext } from "../world.ts";

/** A cluster by the name of its first member. */
export interface ClusterRef {
  readonly instance: InstanceName;
  readonly kind: ClusterKind;
}

/** How clusters of one kind are run. Each call looks first, does what is missing, and may be made again. */
export interface ClusterRunner {
  /** Makes what a first start needs. */
  init(name: InstanceName, settings: DatabaseSettings): Promise<void>;
  /** Starts it with these settings, changing it when it runs with others, until it lets us sign in as primary. */
  start(name: InstanceName, settings: DatabaseSettings, context: StepContext): Promise<void>;
  stop(name: InstanceName): Promise<void>;
  /** Makes its database and roles. */
  prepare(name: InstanceName, settings: DatabaseSettings): Promise<void>;
  /** Stops it and removes its data. */
  remove(name: InstanceName): Promise<void>;
  health(name: InstanceName, settings: DatabaseSettings): Promise<Health>;
  /** Where the service reaches its primary. */
  address(name: InstanceName): DatabaseAddress;
}
