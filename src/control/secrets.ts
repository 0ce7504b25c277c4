import { randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { databasePasswords } from "../engines/postgres/index.ts";
import { InstanceSecrets } from "../topology/instance-config.ts";
import { OWNER_ROLE, SERVICE_ROLE } from "../topology/roles.ts";
import { writeDurably } from "./format.ts";
import type { StatePaths } from "./paths.ts";
import { StepFailed } from "./problem.ts";

/** What a deployment is made with once, and keeps until its data is removed. */
export const DeploymentKeys = InstanceSecrets.omit({ database: true }).extend({ deployment: z.string().min(1) });
export type DeploymentKeys = z.infer<typeof DeploymentKeys>;

/** The keys of the deployment; undefined before the first start. Throws when the file is not one: it is never made anew. */
export async function deploymentKeys(paths: StatePaths): Promise<DeploymentKeys | undefined> {
  const path = keysFile(paths);
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
  });
  if (text === undefined) return undefined;
  try {
    return DeploymentKeys.parse(JSON.parse(text));
  } catch (cause) {
    const problem = { at: path, says: "this is not a file of keys", fix: "restore it from a backup" };
    throw new StepFailed("bad-secrets", problem, { cause });
  }
}

/** Makes all secrets that are missing, each in a file that only this user reads. Never changes one. */
export async function writeSecrets(paths: StatePaths): Promise<void> {
  const passwords = await databasePasswords(passwordsFile(paths));
  const keys = (await deploymentKeys(paths)) ?? freshKeys();
  await writeDurably(keysFile(paths), `${JSON.stringify(keys, null, 2)}\n`, 0o600);
  const { deployment: _, ...shared } = keys;
  for (const [path, user] of [
    [paths.serviceSecrets, SERVICE_ROLE],
    [paths.ownerSecrets, OWNER_ROLE],
  ] as const) {
    const secrets: InstanceSecrets = { ...shared, database: { user, password: passwords[user] } };
    await writeDurably(path, `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
  }
}

export function passwordsFile(paths: StatePaths): string {
  return join(paths.secrets, "database.json");
}

function keysFile(paths: StatePaths): string {
  return join(paths.secrets, "keys.json");
}

function freshKeys(): DeploymentKeys {
  const key = () => randomBytes(32).toString("hex");
  return { deployment: randomUUID(), sessionKeys: [key()], serviceKey: key() };
}

/** Where the local certificate authority keeps its files. */
export function authorityFolder(paths: StatePaths): string {
  return join(paths.secrets, "tls");
}
