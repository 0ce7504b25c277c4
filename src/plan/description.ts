import type { Topology } from "../topology/topology.ts";
import type { StepName, StepOf } from "./step.ts";

/** What a person is told of a step before it is done. */
export interface Description {
  readonly says: string;
  /** `none` changes nothing that serves; `pause` may hold requests for a moment; `loss` removes data. */
  readonly risk: "none" | "pause" | "loss";
  /** How long it should take, in milliseconds. */
  readonly expectedMs: number;
  /** What must be true before the plan goes on. */
  readonly gate: string;
  readonly undo: string;
  /** Once this step has begun, the plan only goes forward. */
  readonly pointOfNoReturn: boolean;
}

/** Most steps change nothing that serves, and can be undone. */
type Told = Omit<Description, "risk" | "pointOfNoReturn"> & Partial<Description>;

/** Describes steps by their name; `topology` is the one in force when the step runs. */
export type Descriptions<N extends StepName> = { readonly [K in N]: (step: StepOf<K>, topology: Topology) => Told };
