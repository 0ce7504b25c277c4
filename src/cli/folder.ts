import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { NinefoldError } from "../topology/problem.ts";

/** There is no service in the folder that the command was run in, or above it. */
export class NoService extends NinefoldError {}

const MODULES = ["service.ts", "service.js", "service.mts", "service.mjs"];

/** The folder of the service that a command is about: the one given, or the nearest one at or above the current folder. */
export function serviceFolder(given: string | undefined, cwd: string = process.cwd()): string {
  if (given !== undefined) {
    const folder = resolve(cwd, given);
    if (serviceModule(folder) === undefined) throw noService(folder);
    return folder;
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (serviceModule(folder) !== undefined) return folder;
    if (dirname(folder) === folder) throw noService(cwd);
  }
}

/** Name of the service module in a folder, or undefined where there is none. */
export function serviceModule(folder: string): string | undefined {
  return MODULES.find((name) => existsSync(join(folder, name)));
}

function noService(folder: string): NoService {
  return new NoService("no-service", {
    at: folder,
    says: "there is no service.ts or service.js here",
    fix: "run the command in a service's folder, name it with `--folder`, or make a new service with `ninefold init`",
  });
}
