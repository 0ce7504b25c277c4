import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { NinefoldError, type Problem } from "../topology/problem.ts";
import { checkDefinition } from "./definition.ts";
import type { AssetOptions, Service } from "./service.ts";

/** The service module cannot be loaded, or what it defines is wrong. `problems` has all that was found. */
export class BadService extends NinefoldError {
  readonly problems: readonly Problem[];
  constructor(problems: readonly [Problem, ...Problem[]], options?: ErrorOptions) {
    super("bad-service", problems[0], options);
    this.problems = problems;
  }
}

/** A service as loaded, with the folders it names made absolute. */
export interface LoadedService {
  readonly service: Service;
  readonly migrations: string | undefined;
  readonly assets: AssetOptions | undefined;
}

/** Imports the service module and checks what it defines. @throws BadService */
export async function loadService(path: string): Promise<LoadedService> {
  const exported = await importService(path);
  if (!isService(exported)) {
    const says = exported === undefined ? "has no default export" : "its default export was not made by defineService";
    const fix = "Write `export default defineService({ name, http })`";
    throw new BadService([{ at: path, says, fix }]);
  }
  const { definition } = exported;
  const problems = checkDefinition(definition).map((problem) => ({ ...problem, at: `${path}: ${problem.at}` }));
  if (problems.length > 0) throw new BadService(problems as [Problem, ...Problem[]]);

  const inModule = (folder: string) => resolve(dirname(path), folder);
  const given = typeof definition.assets === "string" ? { folder: definition.assets } : definition.assets;
  const assets = given === undefined ? undefined : { ...given, folder: inModule(given.folder) };
  const migrations = definition.migrations === undefined ? undefined : inModule(definition.migrations);
  const missing = [
    ...(await problemsOfFolder(path, "migrations", migrations)),
    ...(await problemsOfFolder(path, "assets", assets?.folder)),
    ...(await problemsOfFallback(path, assets)),
  ];
  if (missing.length > 0) throw new BadService(missing as [Problem, ...Problem[]]);
  return { service: exported, migrations, assets };
}

async function importService(path: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
    return module.default;
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    // Where a module fails is in the stack; a package that is missing is named by the message, and the stack is Node's own.
    const what = cause instanceof Error ? ((missing ? undefined : cause.stack) ?? cause.message) : String(cause);
    const fix = missing ? "Install the package, or correct the import" : "Correct the module; nothing was changed";
    throw new BadService([{ at: path, says: `it cannot be loaded: ${what}`, fix }], { cause });
  }
}

function isService(value: unknown): value is Service {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "ninefold-service";
}

async function problemsOfFolder(path: string, name: string, folder: string | undefined): Promise<Problem[]> {
  if (folder === undefined) return [];
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return [];
  return [{ at: `${path}: ${name}`, says: `there is no folder ${folder}`, fix: "Make it, or correct the path" }];
}

async function problemsOfFallback(path: string, assets: AssetOptions | undefined): Promise<Problem[]> {
  if (assets?.fallback === undefined) return [];
  const file = resolve(assets.folder, assets.fallback.replace(/^\//, ""));
  const isFile = await stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isFile) return [];
  return [{ at: `${path}: assets.fallback`, says: `there is no file ${file}`, fix: "Make it, or correct the path" }];
}
