import type { Topology } from "../topology/topology.ts";
import { DATABASE } from "./describe-database.ts";
import { FRONT } from "./describe-front.ts";
import { MOVE } from "./describe-move.ts";
import { STANDBYS } from "./describe-standbys.ts";
import type { Description, Descriptions } from "./description.ts";
import type { Step, StepName } from "./step.ts";

const ALL: Descriptions<StepName> = {
  ...DATABASE,
  ...MOVE,
  ...STANDBYS,
  ...FRONT,
  "write-secrets": () => ({
    says: "generate passwords and keys",
    expectedMs: 10,
    gate: "they are on disk, for this user only",
    undo: "they are kept",
  }),
  "make-release": ({ release, from }) => ({
    says:
      from === "folder"
        ? `copy the service's code as release ${release}`
        : `use the code of release ${from} with new settings as release ${release}`,
    expectedMs: 200,
    gate: "the copy is complete",
    undo: "the copy is not used",
  }),
  "inspect-release": ({ release }) => ({
    says: `load the service of release ${release}`,
    expectedMs: 700,
    gate: "it loads and declares a sound service",
    undo: "nothing to undo",
  }),
  "destroy-data": ({ instance }) => ({
    risk: "loss",
    pointOfNoReturn: true,
    says: `remove all data of ${instance}, the releases and the secrets`,
    expectedMs: 200,
    gate: "they are gone",
    undo: "impossible",
  }),
};

/** Describes a step. `topology` is the one in force when it runs. */
export function describeStep(step: Step, topology: Topology): Description {
  const describe = ALL[step.name] as Descriptions<StepName>[StepName] as (
    step: Step,
    topology: Topology,
  ) => ReturnType<Descriptions<StepName>[StepName]>;
  return { risk: "none", pointOfNoReturn: false, ...describe(step, topology) };
}
