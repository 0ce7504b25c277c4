import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { RepositoryDamaged } from "./problem.ts";
import type { BackupsSpec } from "./repository.ts";
import { pgbackrest } from "./run.ts";

/**
 * Reads the whole repository and compares each file with its checksum. Gives what pgBackRest says of it.
 * @throws RepositoryDamaged that tells which backup or piece of the log lacks what
 */
export async function verifyRepository(machine: Pick<Machine, "run">, instance: Placed<BackupsSpec>): Promise<string> {
  const text = await pgbackrest(machine, instance, "verify", [
    "--output=text",
    "--verbose",
    "--log-level-console=error",
  ]);
  if (/^status: ok/m.test(text)) return text.trim();
  throw new RepositoryDamaged(instance.folder, text.trim().replaceAll("\n", "\n  "));
}
