import { z } from "zod";
import { appEngine } from "../engines/app/index.ts";
import { AgentFailed, type LocalMachine } from "../machine/local/index.ts";
import type { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { logTail } from "./log-tail.ts";
import type { StatePaths } from "./paths.ts";
import { oneShotName, placedService } from "./placed.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { StepFailed } from "./problem.ts";
import { readFacts, releaseEnvironment, releaseFolder, serviceModule, writeFacts } from "./release.ts";
import { sameOnDisk } from "./same-on-disk.ts";
import { seldom } from "./seldom.ts";
import { until } from "./until.ts";
import type { World } from "./world.ts";

interface Within {
  readonly ms: number;
  readonly signal: AbortSignal;
}

/** Longest time for all migrations of a release, in milliseconds. */
const MIGRATE_MS = 30 * 60_000;
/** How often to ask the agent whether an instance that starts has ended, in milliseconds. */
const STATE_MS = 200;
/** Ends in a row after which a start is given up. */
const TRIES = 2;

const Answer = z.union([
  z.object({ ok: z.literal(true), name: z.string().optional(), migrations: z.array(z.string()).optional() }),
  z.object({
    ok: z.literal(false),
    problems: z.array(z.object({ at: z.string(), says: z.string(), fix: z.string() })).min(1),
  }),
]);

type ServiceSteps = Pick<World, "inspect" | "migrate" | "startInstance" | "stopInstance">;

/** The steps of the service's own processes. */
export function serviceSteps(
  folder: string,
  machine: LocalMachine,
  paths: StatePaths,
  places: Pick<SystemPlaces, "address">,
): ServiceSteps {
  async function place(
    role: "app" | "worker" | "inspect" | "migrate",
    name: InstanceName,
    release: number,
    topology: Topology,
  ) {
    const code = releaseFolder(paths, release);
    const env = await releaseEnvironment(code);
    return placedService(machine, paths, places, { role, name, topology, folder, module: serviceModule(code), env });
  }

  /** Runs a role to its end and reads its answer, the last line of its output. */
  async function toEnd(role: "inspect" | "migrate", release: number, topology: Topology, within: Within) {
    const name = oneShotName(topology, role, release);
    const placed = await place(role, name, release, topology);
    await machine.write(name, appEngine.render(placed), "self");
    const words = WORDS[role];
    const at = `release ${release}`;
    const { code, stdout } = await machine.run(name, appEngine.command(placed), within).catch(async (error) => {
      if (!(error instanceof AgentFailed) || error.cause !== undefined) throw error;
      const says = `${words.hangs} after ${within.ms / 1_000} s${await logTail(machine.log(name))}`;
      throw new StepFailed(`${role}-hangs`, { at, says, fix: words.fix }, { cause: error });
    });
    const answer = Answer.safeParse(lastJson(stdout));
    if (answer.success && answer.data.ok) return answer.data;
    if (answer.success && !answer.data.ok) {
      const [first, ...more] = answer.data.problems;
      if (first !== undefined) throw new StepFailed(`${role}-failed`, first, { more });
    }
    const says = `${words.ended} with code ${code} and no answer${await logTail(machine.log(name))}`;
    throw new StepFailed(`${role}-failed`, { at, says, fix: words.fix });
  }

  return {
    inspect: async (release, topology, { signal }) => {
      const { name, migrations } = await toEnd("inspect", release, topology, { ms: topology.app.startMs, signal });
      await writeFacts(paths, release, { service: name ?? "service", at: Date.now(), migrations: migrations ?? [] });
    },
    migrate: async (release, topology, { signal }, copy) => {
      if (copy !== undefined) await refuseNewMigrations(paths, release, copy);
      await toEnd("migrate", release, topology, { ms: MIGRATE_MS, signal });
    },
    startInstance: async ({ instance: name, role, release }, topology, { signal, progress }) => {
      const placed = await place(role, name, release, topology);
      const files = appEngine.render(placed);
      const state = async () => (await machine.list()).find((instance) => instance.name === name);
      const log = machine.log(name);
      const failed = async (code: string, says: string) => {
        const fix = `correct it and try again; the whole log is in ${log}`;
        return new StepFailed(code, { at: name, says: `${says}${await logTail(log)}`, fix });
      };
      if (!(await sameOnDisk(placed.folder, files))) {
        await machine.stop(name);
        await machine.write(name, files, "self");
      }
      const before = (await state())?.restarts ?? 0;
      const look = seldom(STATE_MS, state);
      await machine.start(name, appEngine.command(placed));
      await until(
        async () => {
          const health = await appEngine.health(placed);
          if (health.healthy) return { open: true };
          if (health.says.startsWith("failed"))
            throw await failed("instance-failed", `it cannot start: ${health.says}`);
          const now = await look();
          if ((now?.restarts ?? 0) - before >= TRIES) {
            throw await failed("instance-crashes", `it ended ${TRIES} times while it started (${now?.lastEnd})`);
          }
          return { open: false, says: health.says };
        },
        {
          everyMs: 30,
          withinMs: () => topology.app.startMs,
          signal,
          progress,
          late: (says, ms) => failed("instance-hangs", `it is not ready after ${Math.round(ms / 1_000)} s (${says})`),
        },
      );
    },
    stopInstance: (name) => machine.stop(name),
  };
}

/** Logical replication carries rows, not tables: a migration would part the cluster that serves from the one that follows it. */
async function refuseNewMigrations(paths: StatePaths, release: number, before: number): Promise<void> {
  const known = new Set((await readFacts(paths, before))?.migrations);
  const fresh = (await readFacts(paths, release))?.migrations.filter((name) => !known.has(name)) ?? [];
  if (fresh.length === 0) return;
  throw new StepFailed("copy-in-the-way", {
    at: `release ${release}`,
    says: `it brings migrations (${fresh.join(", ")}) while the cluster of before the last move still follows, and that cannot follow them`,
    fix: "run `ninefold finish`, which removes that cluster, and deploy again",
  });
}

const WORDS = {
  inspect: {
    hangs: "loading the service module did not end",
    ended: "loading the service module ended",
    fix: "make sure that the module only declares the service: work at its top level, such as an endless loop or an `await` that never ends, belongs into `http` or a job",
  },
  migrate: {
    hangs: "the migrations did not end",
    ended: "the migrations ended",
    fix: "correct the migration and deploy again; those before it have run and stay",
  },
} as const;

function lastJson(output: string): unknown {
  try {
    return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  } catch {
    return undefined;
  }
}
