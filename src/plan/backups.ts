import { InstanceName } from "../topology/names.ts";

/** The instance that keeps a data centre's backups, such as `dc1.backup`: a folder, and no process that stays. */
export function backupsName(datacenter: string): InstanceName {
  return InstanceName.parse(`${datacenter}.backup`);
}

/** The database that a restore makes beside the one that serves, such as `dc1.restored`. */
export function restoredName(datacenter: string): InstanceName {
  return InstanceName.parse(`${datacenter}.restored`);
}
