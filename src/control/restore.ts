import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { localMachine } from "../machine/local/index.ts";
import { EMPTY, type Situation } from "../plan/situation.ts";
import { releaseOf } from "../topology/names.ts";
import { CONTROL } from "./address.ts";
import { claimFormat } from "./format.ts";
import { Journal } from "./journal.ts";
import { keptTopologies } from "./kept.ts";
import { statePaths } from "./paths.ts";
import { JournalCorrupt, NothingThere } from "./problem.ts";
import { releasesOnDisk } from "./release.ts";

export interface Restored {
  /** Where the damaged journal was put. */
  readonly damaged: string;
  /** What the new journal says runs. */
  readonly situation: Situation;
}

/**
 * Makes a new journal in the place of a damaged one, from the kept versions of the topology, the releases on disk and the
 * instances that run. A plan that was under way is forgotten: the next control plane brings what runs in line with the last
 * kept version. Throws NothingThere when the journal is sound, NewerState.
 */
export async function restoreJournal(folder: string, now = Date.now): Promise<Restored> {
  const paths = statePaths(folder);
  await claimFormat(paths);
  try {
    new Journal(paths.journal)[Symbol.dispose]();
    throw new NothingThere("the journal is sound", "nothing to do");
  } catch (error) {
    if (!(error instanceof JournalCorrupt)) throw error;
  }
  const machine = localMachine(folder);
  await machine.stop(CONTROL);
  const damaged = `${paths.journal}.damaged-${new Date(now()).toISOString().replaceAll(/[:.]/g, "-")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(`${paths.journal}${suffix}`)) await rename(`${paths.journal}${suffix}`, `${damaged}${suffix}`);
  }
  const kept = await keptTopologies(paths);
  const onDisk = await releasesOnDisk(paths);
  const running = (await machine.list()).some(({ name }) => releaseOf(name) !== undefined);
  const last = kept.findLast(({ situation }) => situation.release !== undefined && onDisk.includes(situation.release));
  const situation = last === undefined ? EMPTY : { ...last.situation, running };
  const used = [0, ...onDisk, ...kept.map((one) => one.situation.release ?? 0)];
  using journal = new Journal(paths.journal);
  journal.adopt(situation, Math.max(...used) + 1, kept);
  return { damaged, situation };
}
