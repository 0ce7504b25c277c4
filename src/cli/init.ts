import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { PACKAGE_ROOT } from "../topology/package.ts";
import { NinefoldError } from "../topology/problem.ts";
import { topologyTemplate } from "../topology/template.ts";
import type { Cli } from "./context.ts";
import type { Terminal } from "./terminal.ts";

/** A file that `init` would write is already there with other content. */
export class FileInTheWay extends NinefoldError {}
/** The name of a new service has characters that a name may not have. */
export class BadServiceName extends NinefoldError {}
/** The packages of a new service could not be installed. */
export class InstallFailed extends NinefoldError {}

const template = join(PACKAGE_ROOT, "templates", "service");

interface Manifest {
  name?: string;
  type?: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  [key: string]: unknown;
}

export function initCommand(program: Command, { terminal }: Cli): void {
  program
    .command("init")
    .description("make a new service that runs at once, with its own tests")
    .argument("[folder]", "where to make it", ".")
    .option("--name <name>", "name of the service; the folder's name unless given")
    .option("--no-install", "do not install packages")
    .action((folder: string, options: { name?: string; install: boolean }) => {
      const target = resolve(folder);
      const name = options.name ?? nameFrom(basename(target));
      const files = templateFiles(name);
      refuseToOverwrite(target, files);
      for (const [path, content] of files) write(join(target, path), content);
      write(join(target, "package.json"), manifest(target, name));
      terminal.note(`Made ${name} in ${target}: ${[...files.keys()].filter((path) => !path.includes("/")).join(", ")}`);
      if (options.install) install(target, terminal);
      const where = target === process.cwd() ? "" : `cd ${folder} && `;
      terminal.line(`Next: ${where}npx ninefold up`);
    });
}

/** A valid service name made from a folder's name. */
export function nameFrom(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 40);
  return name === "" ? "service" : name;
}

function templateFiles(name: string): ReadonlyMap<string, string> {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    throw new BadServiceName("bad-service-name", {
      at: `--name ${name}`,
      says: "a service's name has 1 to 40 lower-case letters, digits and dashes, and begins with a letter",
      fix: `use \`--name ${nameFrom(name)}\``,
    });
  }
  const paths = readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map([
    ["ninefold.topology.yaml", topologyTemplate()],
    ...paths.map((path): [string, string] => {
      const relative = path.slice(template.length + 1);
      // npm leaves files named .gitignore out of a package, so the template carries it without its dot.
      return [
        relative === "gitignore" ? ".gitignore" : relative,
        readFileSync(path, "utf8").replaceAll("{{name}}", name),
      ];
    }),
  ]);
}

function refuseToOverwrite(target: string, files: ReadonlyMap<string, string>): void {
  const taken = [...files].filter(
    ([path, content]) => existsSync(join(target, path)) && readFileSync(join(target, path), "utf8") !== content,
  );
  if (taken.length === 0) return;
  throw new FileInTheWay("file-in-the-way", {
    at: target,
    says: `${taken.map(([path]) => path).join(", ")} ${taken.length === 1 ? "is" : "are"} already there, and nothing was written`,
    fix: "choose an empty folder, such as `ninefold init my-service`, or move the files away",
  });
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function manifest(target: string, name: string): string {
  const path = join(target, "package.json");
  const present: Manifest = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  const own: Manifest = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8"));
  return `${JSON.stringify(
    {
      ...present,
      name: present.name ?? name,
      version: present.version ?? "0.1.0",
      private: true,
      type: "module",
      scripts: {
        start: "ninefold up",
        test: 'ninefold test -- node --test "test/*.test.ts"',
        ...withoutNpmDefault(present.scripts),
      },
      dependencies: { kysely: own.dependencies?.kysely, ninefold: own.version, ...present.dependencies },
      devDependencies: { "@types/node": own.devDependencies?.["@types/node"], ...present.devDependencies },
    },
    undefined,
    2,
  )}\n`;
}

/** `npm init` writes a test script that only fails; it is no choice of the user's. */
function withoutNpmDefault(scripts: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(scripts).filter(([, script]) => !script.includes("no test specified")));
}

function install(target: string, terminal: Terminal): void {
  const missing = ["ninefold", "kysely"].filter((name) => !isInstalled(name, target));
  if (missing.length === 0) return;
  terminal.note(`Installing ${missing.join(", ")} ...`);
  const npm = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: target,
    stdio: ["ignore", 2, 2],
  });
  if (npm.status === 0) return;
  throw new InstallFailed("install-failed", {
    at: target,
    says: "the service was made, and `npm install` failed in it; its message is above",
    fix: `run \`npm install\` in ${target}, then \`npx ninefold up\``,
  });
}

/** Whether Node would find a package from a folder: in its node_modules or in one above it. */
function isInstalled(name: string, folder: string): boolean {
  if (existsSync(join(folder, "node_modules", name, "package.json"))) return true;
  return dirname(folder) !== folder && isInstalled(name, dirname(folder));
}
