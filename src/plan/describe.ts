import type { Topology } from "../topology/topology.ts";
import type { Step } from "./step.ts";

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

/** Describes a step. `topology` is the one in force when it runs. */
export function describeStep(step: Step, topology: Topology): Description {
  const safe = { risk: "none", pointOfNoReturn: false } as const;
  switch (step.name) {
    case "open-socket":
      return {
        ...safe,
        says: `open ${step.host}:${step.port}`,
        expectedMs: 20,
        gate: "the port is ours",
        undo: "close it",
      };
    case "close-socket":
      return {
        ...safe,
        says: `close ${step.host}:${step.port}`,
        expectedMs: 20,
        gate: "the port is free",
        undo: "open it again",
      };
    case "write-secrets":
      return {
        ...safe,
        says: "generate passwords and keys",
        expectedMs: 10,
        gate: "they are on disk, for this user only",
        undo: "they are kept",
      };
    case "make-release":
      return {
        ...safe,
        says:
          step.from === "folder"
            ? `copy the service's code as release ${step.release}`
            : `use the code of release ${step.from} with new settings as release ${step.release}`,
        expectedMs: 200,
        gate: "the copy is complete",
        undo: "the copy is not used",
      };
    case "inspect-release":
      return {
        ...safe,
        says: `load the service of release ${step.release}`,
        expectedMs: 700,
        gate: "it loads and declares a sound service",
        undo: "nothing to undo",
      };
    case "init-database":
      return {
        ...safe,
        says: `create the data folder of ${step.instance}`,
        expectedMs: 1_500,
        gate: "the data folder is complete",
        undo: "it is kept",
      };
    case "start-database":
      return {
        ...safe,
        says: `start PostgreSQL ${step.instance}`,
        expectedMs: 500,
        gate: "it lets us sign in",
        undo: "stop it; the data stays",
      };
    case "stop-database":
      return {
        risk: "pause",
        pointOfNoReturn: false,
        says: `stop PostgreSQL ${step.instance}`,
        expectedMs: 500,
        gate: "it has ended in good order",
        undo: "start it again",
      };
    case "change-database":
      return {
        risk: "pause",
        pointOfNoReturn: false,
        says: `restart PostgreSQL ${step.instance} with ${step.settings.maxConnections} connections and ${step.settings.memoryMb} MB`,
        expectedMs: 1_500,
        gate: "it lets us sign in; statements wait meanwhile",
        undo: "restart it with the settings it had",
      };
    case "prepare-database":
      return {
        ...safe,
        says: "create the database and its roles",
        expectedMs: 300,
        gate: "the service's role can sign in",
        undo: "they are kept",
      };
    case "migrate":
      return {
        ...safe,
        says: `run the migrations of release ${step.release}`,
        expectedMs: 800,
        gate: "all have run, and the facts about the tables are true",
        undo: "migrations go forward only; the code before works with them",
      };
    case "publish-endpoints":
      return {
        ...safe,
        says: "tell the service where its database is",
        expectedMs: 10,
        gate: "the file is on disk",
        undo: "it is kept",
      };
    case "start-instance":
      return {
        ...safe,
        says: `start ${step.instance}`,
        expectedMs: 1_000,
        gate: `it says that it is ready, within ${topology.app.startMs / 1_000} s`,
        undo: "drain and stop it",
      };
    case "stop-instance":
      return {
        ...safe,
        says: `drain and stop ${step.instance}`,
        expectedMs: 300,
        gate: `its open ${step.role === "app" ? "requests" : "jobs"} are finished, or ${topology.app.drainMs / 1_000} s are over`,
        undo: "start it again",
      };
    case "destroy-data":
      return {
        risk: "loss",
        pointOfNoReturn: true,
        says: `remove all data of ${step.instance}, the releases and the secrets`,
        expectedMs: 200,
        gate: "they are gone",
        undo: "impossible",
      };
  }
}
