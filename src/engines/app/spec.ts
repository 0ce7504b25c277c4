import type { InstanceConfig } from "../../topology/instance-config.ts";

/** One process of the service; see {@link InstanceConfig} for what its settings mean. */
export interface AppSpec
  extends Omit<InstanceConfig, "version" | "instance" | "privateSocket" | "listen" | "service" | "folder"> {
  /** Absolute path of the service module inside the release that the instance runs. */
  readonly service: string;
  /** Absolute path of the service's own folder, and the working directory of the process. */
  readonly folder: string;
  /**
   * Name of the public socket that an `app` accepts from; or an address of its own, with the name of a public socket that it
   * only holds; neither for other roles.
   */
  readonly listen?:
    | { readonly socket: string }
    | { readonly host: string; readonly port: number; readonly holds: string };
  /** Environment of the process, complete but for `PATH`. Kept on disk, so no secrets of Ninefold's own belong in it. */
  readonly env: Readonly<Record<string, string>>;
}
