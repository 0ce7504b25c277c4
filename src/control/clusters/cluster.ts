import type { Health } from "../../engines/engine.ts";
import type { ClusterKind } from "../../plan/clusters.ts";
import type { DatabaseSettings, Replication } from "../../plan/step.ts";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { StepContext } from "../world.ts";

/** A cluster by the name of its first member, with its standbys where it has any. */
export interface ClusterRef {
  readonly instance: InstanceName;
  readonly kind: ClusterKind;
  readonly replication?: Replication | undefined;
}

/** Where the members of a cluster answer; see src/topology/endpoints.ts. */
export interface MemberAddresses {
  readonly primary: DatabaseAddress;
  readonly standbys: readonly DatabaseAddress[];
}

/**
 * How clusters of one kind are run, by the name of their first member. Each call looks first, does what is missing, and may
 * be made again.
 */
export interface ClusterRunner {
  /** Makes what a first start needs. */
  init(name: InstanceName, settings: DatabaseSettings): Promise<void>;
  /**
   * Starts all members with these settings, until there is a primary that lets us sign in and takes writes. A standby that
   * does not come is left to itself.
   */
  start(name: InstanceName, settings: DatabaseSettings, context: StepContext, replication?: Replication): Promise<void>;
  /** Other settings than `from`, which it may run with. */
  change(
    name: InstanceName,
    from: DatabaseSettings,
    settings: DatabaseSettings,
    context: StepContext,
    replication?: Replication,
  ): Promise<void>;
  stop(name: InstanceName, replication?: Replication): Promise<void>;
  /** Makes its database and roles. */
  prepare(name: InstanceName, settings: DatabaseSettings, replication?: Replication): Promise<void>;
  /** Stops one without standbys and removes its data. */
  remove(name: InstanceName): Promise<void>;
  /** Of one member. */
  health(member: InstanceName, settings: DatabaseSettings, replication?: Replication): Promise<Health>;
  /** Where the service reaches its members; the one that leads now as primary. */
  addresses(name: InstanceName, replication?: Replication): Promise<MemberAddresses>;
}
