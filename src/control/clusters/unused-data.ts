import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterKind } from "../../plan/clusters.ts";

/** By kind, a file in an instance's folder that only clusters of this kind have. */
const MARK: Record<ClusterKind, string> = { embedded: "init.sh", patroni: "launch.py" };

/**
 * A first start that came to nothing leaves a data folder that nobody has used. Where the next one wants a cluster of another
 * kind under the same name, that folder makes way, as `data.<kind>`; one that had made way before comes back.
 */
export async function setUnusedDataAside(folder: string, kind: ClusterKind): Promise<void> {
  const other = kind === "embedded" ? "patroni" : "embedded";
  const mark = join(folder, MARK[other]);
  if (!existsSync(mark)) return;
  const data = join(folder, "data");
  await renameUnless(data, `${data}.${other}`);
  await renameUnless(`${data}.${kind}`, data);
  await rm(mark);
}

/** So that it can be done again, whatever cut it short. */
async function renameUnless(from: string, to: string): Promise<void> {
  if (existsSync(from) && !existsSync(to)) await rename(from, to);
}
