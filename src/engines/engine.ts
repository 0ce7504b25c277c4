import type { Command } from "../machine/machine.ts";
import type { InstanceName } from "../topology/names.ts";

export type Health =
  | { readonly healthy: true; readonly details: Readonly<Record<string, string | number>> }
  | {
      readonly healthy: false;
      readonly says: string;
      /** Something outside of the instance is in its way, such as another program on its port: time alone will not help. */
      readonly blocked?: boolean;
    };

/** An instance of an engine as placed on a machine. */
export interface Placed<Spec> {
  readonly name: InstanceName;
  readonly spec: Spec;
  /** Absolute folder of the instance, and its short folder for unix sockets. */
  readonly folder: string;
  readonly sockets: string;
}

/** A real system that Ninefold runs. One folder per engine; instances differ only in their spec. */
export interface Engine<Spec> {
  readonly name: string;
  /** Configuration files, by path inside the instance's folder. Pure: the same spec gives the same bytes. */
  render(instance: Placed<Spec>): ReadonlyMap<string, string>;
  /** The command that runs the instance in the foreground, and the user it runs as. */
  command(instance: Placed<Spec>): Command;
  /** What the instance itself says about its health; never infers it from the process being there. */
  health(instance: Placed<Spec>): Promise<Health>;
  /** Changes a running instance without restarting it; says "restart" where the system has no such way. */
  change(instance: Placed<Spec>, next: Spec): Promise<"changed" | "restart">;
}
