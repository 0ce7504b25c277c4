import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { Topology } from "../topology/topology.ts";
import { writeDurably } from "./format.ts";
import type { KeptTopology } from "./journal.ts";
import type { StatePaths } from "./paths.ts";

const KeptFile = z.object({ version: z.int(), at: z.number(), release: z.int().optional(), topology: Topology });

/** Writes versions of the topology as files that a person can read, and that a lost journal is restored from. */
export async function keepTopologies(paths: StatePaths, kept: readonly KeptTopology[]): Promise<void> {
  for (const { version, at, situation } of kept) {
    const path = join(paths.topologies, `${version}.yaml`);
    if (existsSync(path)) continue;
    const { topology, release } = situation;
    const text = stringify({ version, at, ...(release === undefined ? {} : { release }), topology });
    await writeDurably(path, `# Kept by Ninefold: what ran since ${new Date(at).toISOString()}.\n${text}`, 0o600);
  }
}

/** The kept versions, oldest first; files that are damaged are left out. */
export async function keptTopologies(paths: StatePaths): Promise<KeptTopology[]> {
  const names = await readdir(paths.topologies).catch(() => []);
  const kept: KeptTopology[] = [];
  for (const name of names.filter((one) => one.endsWith(".yaml"))) {
    const parsed = KeptFile.safeParse(safely(await readFile(join(paths.topologies, name), "utf8")));
    if (!parsed.success) continue;
    const { version, at, release, topology } = parsed.data;
    kept.push({ version, at, situation: { topology, release, running: true } });
  }
  return kept.sort((a, b) => a.version - b.version);
}

function safely(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
