import { EventEmitter, on } from "node:events";
import type { LocalMachine } from "../machine/local/index.ts";
import { rungOf } from "../topology/rung.ts";
import { writeTopology } from "../topology/yaml.ts";
import { createBackups } from "./backups/backups.ts";
import { planFor } from "./changes.ts";
import type { Change, ControlEvent } from "./event.ts";
import { Journal } from "./journal.ts";
import type { StatePaths } from "./paths.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { refuseOpen } from "./problem.ts";
import { createReconciler, type Reconciler } from "./reconciler.ts";
import type { ControlService } from "./server.ts";
import type { ServiceSteps } from "./service-steps.ts";
import { statusOf } from "./status.ts";
import { switchover } from "./switchover.ts";
import { viewOf } from "./view.ts";
import type { World } from "./world.ts";

export interface Control {
  readonly journal: Journal;
  readonly reconciler: Reconciler;
  readonly service: ControlService;
}

interface Places {
  readonly places: SystemPlaces;
}

interface Told {
  readonly plan: number;
  readonly event: ControlEvent;
}

/** The control plane apart from its process: journal, reconciler, and what the interface offers. */
export function createControl(
  {
    folder,
    paths,
    machine,
    world,
  }: {
    folder: string;
    paths: StatePaths;
    machine: LocalMachine;
    world: World & Places & Pick<ServiceSteps, "migrateAt">;
  },
  openJournal: (path: string, onEvent: (plan: number, event: ControlEvent) => void) => Journal = (...args) =>
    new Journal(...args),
): Control {
  const news = new EventEmitter<{ event: [Told] }>().setMaxListeners(0);
  const tell = (plan: number, event: ControlEvent) => void news.emit("event", { plan, event });
  const journal = openJournal(paths.journal, tell);
  const reconciler = createReconciler({ journal, world, now: Date.now, onProgress: tell });

  const backups = createBackups({ journal, machine, places: world.places, paths, world });

  async function begin(change: Change) {
    backups.refusePlans();
    if (change.kind === "undo") {
      const turned = reconciler.turnBack();
      if (turned !== undefined) return turned;
    }
    if (change.kind === "down" && journal.open() !== undefined) {
      // Whoever wants everything stopped does not want to wait for a change to be finished first.
      reconciler.abandon();
      if (journal.open() !== undefined) reconciler.turnBack();
      await reconciler.idle();
    }
    refuseOpen(journal.open()); // before the change is judged by what runs, which the open plan is about to change
    return reconciler.begin(await planFor(change, journal, paths));
  }

  async function follow(
    plan: number | undefined,
    after: number,
    send: (event: ControlEvent) => void,
    gone: AbortSignal,
  ) {
    const ended = ({ kind }: ControlEvent) => plan !== undefined && (kind === "finished" || kind === "failed");
    try {
      // Listening begins before the past is read, so that nothing falls between them.
      const live = on(news, "event", { signal: gone }) as AsyncIterable<[Told]>;
      let seen = after;
      for (const event of plan === undefined ? [] : journal.events(plan, after)) {
        seen = event.seq;
        send(event);
        // A plan that stopped and is taken up again has an end in its past.
        if (ended(event) && journal.plan(plan ?? 0)?.state !== "undoing") return;
      }
      for await (const [told] of live) {
        const { kind, seq } = told.event;
        if ((plan !== undefined && told.plan !== plan) || (kind !== "step-progress" && seq <= seen)) continue;
        send(told.event);
        if (ended(told.event)) return;
      }
    } catch (error) {
      if (!gone.aborted) throw error;
    }
  }

  const service: ControlService = {
    backups,
    status: () =>
      statusOf({
        folder,
        paths,
        machine,
        places: world.places,
        cluster: world.cluster,
        standbys: world.standbys,
        journal,
        backups,
        trouble: reconciler.trouble,
      }),
    plan: async (change) => viewOf(await planFor(change, journal, paths), { id: 0, state: "planned" }),
    begin,
    planById: (id) => {
      const record = journal.plan(id);
      return record === undefined ? undefined : viewOf(record.plan, record);
    },
    switchover: (wanted) => {
      backups.refusePlans();
      return switchover(wanted, journal, world);
    },
    topologies: () =>
      journal.topologies().flatMap(({ version, at, situation: { topology, release } }) => {
        if (topology === undefined) return [];
        const base = { version, at, rung: rungOf(topology), yaml: writeTopology(topology) };
        return [release === undefined ? base : { ...base, release }];
      }),
    follow,
  };
  return { journal, reconciler, service };
}
