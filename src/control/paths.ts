import { join } from "node:path";

/** Files and folders of Ninefold's state, all inside `.ninefold` of the service's folder. */
export function statePaths(folder: string) {
  const root = join(folder, ".ninefold");
  return {
    root,
    /** Version of the format of this folder; see format.ts. */
    format: join(root, "format.json"),
    journal: join(root, "journal.db"),
    /** Where the control plane answers, and its token (mode 0600). */
    control: join(root, "control.json"),
    controlToken: join(root, "control.token"),
    /** Folder of generated secrets (files of mode 0600), among them those that instances read. */
    secrets: join(root, "secrets"),
    serviceSecrets: join(root, "secrets", "service.json"),
    ownerSecrets: join(root, "secrets", "owner.json"),
    endpoints: join(root, "endpoints.json"),
    /** One folder a release, named by its number. */
    releases: join(root, "releases"),
    /** Kept versions of the topology, `<version>.yaml`. */
    topologies: join(root, "topologies"),
    /** What the user writes. */
    topologyFile: join(folder, "ninefold.topology.yaml"),
  };
}
export type StatePaths = ReturnType<typeof statePaths>;
