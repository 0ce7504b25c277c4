import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import { type AppSpec, appEngine } from "../engines/app/index.ts";
import type { Placed } from "../engines/engine.ts";
import { AgentFailed, type LocalMachine } from "../machine/local/index.ts";
import type { Topology } from "../topology/topology.ts";
import { logTail } from "./log-tail.ts";
import { StepFailed } from "./problem.ts";
import { until } from "./until.ts";

type OneShot = "inspect" | "migrate";

/** One process of the service that runs to its end, for a release. */
export interface OneShotRun {
  readonly release: number;
  readonly topology: Topology;
  readonly signal: AbortSignal;
}

/** What such a process says last, or in the file that it writes meanwhile. */
export type Said = z.infer<typeof Sound>;

export interface OneShots {
  /** Loads the service's module; says what it declares. */
  inspect(run: OneShotRun): Promise<Said>;
  /** The same, by a process that stays: `migrate` then goes on with that one. */
  inspectAhead(run: OneShotRun): Promise<Said>;
  migrate(run: OneShotRun): Promise<void>;
}

/** Longest time for all migrations of a release, in milliseconds. */
const MIGRATE_MS = 30 * 60_000;
/** How often to look for what a process that stays has found, in milliseconds. */
const LOOK_MS = 20;

const Sound = z.object({
  ok: z.literal(true),
  name: z.string().optional(),
  migrations: z.array(z.string()).optional(),
});
const Answer = z.union([
  Sound,
  z.object({
    ok: z.literal(false),
    problems: z.array(z.object({ at: z.string(), says: z.string(), fix: z.string() })).min(1),
  }),
]);

/**
 * @param place the process of a role for a release; `ahead`: a migration, where there is no database yet
 */
export function oneShots(
  machine: LocalMachine,
  place: (role: OneShot, run: OneShotRun, ahead?: boolean) => Promise<Placed<AppSpec>>,
): OneShots {
  /** Processes that wait for the migrations of the release that they inspected. */
  const ahead = new Map<number, { readonly ended: Promise<Said>; readonly begin: () => Promise<void> }>();

  /** Runs a process to its end and reads its answer, the last line of its output. `doing`: what it is at when it fails. */
  async function toEnd(placed: Placed<AppSpec>, { release, signal }: OneShotRun, ms: number, doing: () => OneShot) {
    await machine.write(placed.name, appEngine.render(placed), "self");
    const run = machine.run(placed.name, appEngine.command(placed), { ms, signal });
    const { code, stdout } = await run.catch(async (error) => {
      if (!(error instanceof AgentFailed) || error.cause !== undefined) throw error;
      throw await hangs(placed, release, ms, doing(), { cause: error });
    });
    const answer = Answer.safeParse(lastJson(stdout));
    if (answer.success && answer.data.ok) return answer.data;
    if (answer.success && !answer.data.ok) {
      const [first, ...more] = answer.data.problems;
      if (first !== undefined) throw new StepFailed(`${doing()}-failed`, first, { more });
    }
    const { ended, fix } = WORDS[doing()];
    const says = `${ended} with code ${code} and no answer${await logTail(machine.log(placed.name))}`;
    throw new StepFailed(`${doing()}-failed`, { at: `release ${release}`, says, fix });
  }

  async function hangs(
    { name }: Placed<AppSpec>,
    release: number,
    ms: number,
    doing: OneShot,
    options?: ErrorOptions,
  ): Promise<StepFailed> {
    const { hangs, fix } = WORDS[doing];
    const says = `${hangs} after ${Math.round(ms / 1_000)} s${await logTail(machine.log(name))}`;
    return new StepFailed(`${doing}-hangs`, { at: `release ${release}`, says, fix }, options);
  }

  return {
    inspect: async (run) => toEnd(await place("inspect", run), run, run.topology.app.startMs, () => "inspect"),

    inspectAhead: async (run) => {
      const { release, topology } = run;
      const placed = await place("migrate", run, true);
      const { inspected: file, begin } = placed.spec.ahead as NonNullable<AppSpec["ahead"]>;
      for (const left of [file, begin]) await rm(left, { force: true });
      const hung = new AbortController();
      const signal = AbortSignal.any([run.signal, hung.signal]);
      const ended = toEnd(placed, { ...run, signal }, MIGRATE_MS, () => (existsSync(begin) ? "migrate" : "inspect"));
      ended.catch(() => undefined); // told to whoever waits for it
      const found = until(async () => (existsSync(file) ? { open: true } : { open: false, says: "" }), {
        everyMs: LOOK_MS,
        withinMs: () => topology.app.startMs,
        signal,
        progress: () => undefined,
        late: (_, ms) => hangs(placed, release, ms, "inspect"),
      });
      ahead.set(release, { ended, begin: () => writeFile(begin, "") });
      signal.addEventListener("abort", () => ahead.delete(release), { once: true });
      try {
        await Promise.race([found, ended]);
      } catch (error) {
        hung.abort();
        throw error;
      }
      return Sound.parse(JSON.parse(await readFile(file, "utf8")));
    },

    migrate: async (run) => {
      const begun = ahead.get(run.release);
      ahead.delete(run.release);
      await begun?.begin();
      await (begun?.ended ?? toEnd(await place("migrate", run), run, MIGRATE_MS, () => "migrate"));
    },
  };
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
