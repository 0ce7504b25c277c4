import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Situation } from "../plan/situation.ts";
import { diff } from "../topology/diff.ts";
import { editTopology, readTopology } from "../topology/yaml.ts";
import { writeDurably } from "./format.ts";
import type { StatePaths } from "./paths.ts";

/**
 * Writes what a plan changed of the topology into the user's own file, if there is one, and leaves the rest of it as it is:
 * otherwise the next `up` would take the change back.
 */
export async function writeBack(paths: StatePaths, from: Situation, to: Situation): Promise<void> {
  if (!existsSync(paths.topologyFile) || from.topology === undefined || to.topology === undefined) return;
  const text = await readFile(paths.topologyFile, "utf8");
  const changes = diff(from.topology, to.topology);
  const next = editTopology(readTopology(text), changes);
  if (changes.length > 0 && next !== text) await writeDurably(paths.topologyFile, next, 0o644);
}
