import type { InstanceName } from "../../topology/names.ts";
import { StepFailed } from "../problem.ts";
import type { World } from "../world.ts";

/** The control plane was killed here: nothing after it happens. */
export class Killed extends Error {}

/** State of {@link modelWorld}: it outlives the control plane, as the machine does. */
export interface WorldState {
  readonly sockets: Set<string>;
  /** Running instances; a database with its settings as text. */
  readonly instances: Map<string, string>;
  readonly releases: Set<number>;
  readonly migrated: Set<number>;
  secrets: boolean;
  data: boolean;
  prepared: boolean;
  endpoints: boolean;
  /** Acts so far, for counting crashes. */
  acts: number;
}

export function emptyWorld(): WorldState {
  return {
    sockets: new Set(),
    instances: new Map(),
    releases: new Set(),
    migrated: new Set(),
    secrets: false,
    data: false,
    prepared: false,
    endpoints: false,
    acts: 0,
  };
}

export interface Faults {
  /** Called before and after each change of the world; throws {@link Killed} to die there. */
  readonly at?: (act: number) => void;
  /** Makes an action fail: its name and what it acts on. */
  readonly fails?: (action: string) => boolean;
}

/** A world in memory, for tests of the reconciler: each action is refused where the real one would be. */
export function modelWorld(state: WorldState, { at = () => {}, fails = () => false }: Faults = {}): World {
  async function act(action: string, change: () => void): Promise<void> {
    at(state.acts++);
    if (fails(action)) throw new StepFailed("model", { at: action, says: "it was made to fail", fix: "none" });
    change();
    at(state.acts++);
  }
  function need(condition: boolean, says: string): void {
    if (!condition) throw new StepFailed("model-impossible", { at: "world", says, fix: "none" });
  }
  return {
    openSocket: ({ host, port }) => act("open-socket", () => state.sockets.add(`${host}:${port}`)),
    closeSocket: ({ host, port }) => act("close-socket", () => state.sockets.delete(`${host}:${port}`)),
    writeSecrets: () =>
      act("write-secrets", () => {
        state.secrets = true;
      }),
    makeRelease: (release, from) =>
      act("make-release", () => {
        need(from === "folder" || state.releases.has(from), `release ${from} is missing`);
        state.releases.add(release);
      }),
    inspect: (release) => act("inspect-release", () => need(state.releases.has(release), "no release")),
    initDatabase: () =>
      act("init-database", () => {
        need(state.secrets, "no secrets");
        state.data = true;
      }),
    startDatabase: (name, settings) =>
      act("start-database", () => {
        need(state.data, "no data");
        state.instances.set(name, JSON.stringify(settings));
      }),
    stopDatabase: (name) => act("stop-database", () => state.instances.delete(name)),
    prepareDatabase: (name) =>
      act("prepare-database", () => {
        need(state.instances.has(name), "no database");
        state.prepared = true;
      }),
    migrate: (release) =>
      act("migrate", () => {
        need(state.prepared && state.releases.has(release), "no database or release");
        state.migrated.add(release);
      }),
    publishEndpoints: () =>
      act("publish-endpoints", () => {
        state.endpoints = true;
      }),
    startInstance: ({ instance, release }) =>
      act(`start-instance ${instance}`, () => {
        need(state.releases.has(release), `release ${release} is missing`);
        need(state.endpoints && state.sockets.size > 0, "no endpoints or socket");
        need(
          [...state.instances.keys()].some((name) => name.includes(".db.")),
          "no database",
        );
        state.instances.set(instance, "");
      }),
    stopInstance: (name) => act(`stop-instance ${name}`, () => state.instances.delete(name)),
    destroyData: () =>
      act("destroy-data", () => {
        state.data = false;
        state.prepared = false;
        state.releases.clear();
      }),
    instances: async () => [...state.instances.keys()] as InstanceName[],
    writeBack: async () => {},
    keep: async (_, releases) => {
      for (const release of state.releases) if (!releases.has(release)) state.releases.delete(release);
    },
  };
}
