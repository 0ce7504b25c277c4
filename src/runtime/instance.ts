import { readFile } from "node:fs/promises";
import type { z } from "zod";
import { Endpoints } from "../topology/endpoints.ts";
import { InstanceConfig, InstanceSecrets } from "../topology/instance-config.ts";
import { NinefoldError, type Problem } from "../topology/problem.ts";

/** A file that the instance runs from is missing or is not what it must be. `problems` has all that was found. */
export class BadInstanceFile extends NinefoldError {
  readonly problems: readonly Problem[];
  constructor(problems: readonly [Problem, ...Problem[]], options?: ErrorOptions) {
    super("bad-instance-file", problems[0], options);
    this.problems = problems;
  }
}

export interface Instance {
  readonly config: InstanceConfig;
  readonly secrets: InstanceSecrets;
  readonly endpoints: Endpoints;
}

/** Reads `instance.json`. @throws BadInstanceFile */
export function readConfig(path: string): Promise<InstanceConfig> {
  return read(path, InstanceConfig, "Let `ninefold up` write it anew");
}

/** Reads the secrets and the endpoints that the configuration names. @throws BadInstanceFile */
export async function readInstance(config: InstanceConfig): Promise<Instance> {
  const secrets = await read(config.secrets, InstanceSecrets, "Let `ninefold up` write it anew");
  const endpoints = await read(config.endpoints, Endpoints, "Let `ninefold up` write it anew");
  return { config, secrets, endpoints };
}

async function read<S extends z.ZodType>(path: string, schema: S, fix: string): Promise<z.infer<S>> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause;
    const says = missing ? `the file cannot be read (${cause.code})` : "the file is not JSON";
    throw new BadInstanceFile([{ at: path, says, fix }], { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue): Problem => ({ at: [path, ...issue.path].map(String).join(": "), says: issue.message, fix }),
  );
  throw new BadInstanceFile(problems as [Problem, ...Problem[]]);
}
