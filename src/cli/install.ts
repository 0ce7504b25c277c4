import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { missingPackages, systemPackages } from "../engines/packages.ts";
import { HIGHEST_BUILT, type Rung } from "../topology/rung.ts";
import type { Cli } from "./context.ts";
import { rung } from "./options.ts";
import { CommandFailed } from "./problem.ts";
import { table } from "./terminal.ts";

/** One command of an installation. */
export interface InstallStep {
  readonly says: string;
  readonly command: readonly string[];
  /** It may fail without harm: what it would do may be done already. */
  readonly mayFail?: true;
}

/** The service that a package starts by itself, which Ninefold does not use. */
const SERVICES: Readonly<Record<string, string>> = {
  postgresql: "postgresql",
  patroni: "patroni",
  "etcd-server": "etcd",
  haproxy: "haproxy",
};

export function installCommand(program: Command, cli: Cli): void {
  program
    .command("install")
    .description("show how to install the system packages that a rung needs, or install them with --yes")
    .option("--rung <n>", "install what this rung and those below it need", rung, HIGHEST_BUILT)
    .option("-y, --yes", "run the commands")
    .action((options: { rung: Rung; yes?: boolean }) => install(cli, options));
}

function install({ terminal }: Cli, options: { rung: Rung; yes?: boolean }): void {
  const packages = systemPackages(options.rung);
  const rows = packages.map(({ package: name, use, found }) => [name, use, found ?? "missing"]);
  if (rows.length > 0) terminal.line(`${table([["package", "for", "found"], ...rows])}\n`);
  const missing = missingPackages(options.rung);
  if (missing.length > 0) {
    const steps = installSteps(missing, systemHere(missing));
    for (const { says, command } of steps) terminal.line(`# ${says}\n${command.map(shellWord).join(" ")}`);
    if (options.yes !== true) {
      terminal.line(`\nNothing was done. Run these commands, or \`ninefold install --rung ${options.rung} --yes\`.`);
      return;
    }
    for (const step of steps) run(step);
    const left = missingPackages(options.rung);
    if (left.length > 0) throw failed(left.join(", "), "still missing after the installation");
  }
  terminal.line(`All that rung ${options.rung} needs of the system is installed.`);
}

function systemHere(missing: readonly string[]): { root: boolean; systemd: boolean } {
  if (!existsSync("/usr/bin/apt-get")) throw notDebian(missing);
  return { root: process.getuid?.() === 0, systemd: existsSync("/run/systemd/system") };
}

/**
 * The commands that install packages without a database cluster or a service of the system's own: Ninefold makes and starts
 * its own, each in its own folder.
 * @param system.root whether this process may do everything; otherwise each command goes through sudo
 * @param system.systemd whether systemd runs here
 */
export function installSteps(
  packages: readonly string[],
  system: { readonly root: boolean; readonly systemd: boolean },
): readonly InstallStep[] {
  const services = packages.flatMap((name) => SERVICES[name] ?? []);
  const steps: InstallStep[] = [];
  if (packages.includes("postgresql")) {
    const folder = "/etc/postgresql-common/createcluster.d";
    const write = `mkdir -p ${folder} && echo 'create_main_cluster = false' > ${folder}/ninefold.conf`;
    steps.push({ says: "PostgreSQL shall make no database cluster of its own", command: ["sh", "-c", write] });
  }
  steps.push(
    { says: "know the newest packages", command: ["apt-get", "update"] },
    {
      says: "install",
      command: [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "--yes",
        "--no-install-recommends",
        ...packages,
      ],
    },
  );
  const stop = "stop the services that came with them, which Ninefold does not use";
  if (services.length > 0 && system.systemd) {
    steps.push({ says: stop, command: ["systemctl", "disable", "--now", ...services], mayFail: true });
  } else {
    for (const service of services) steps.push({ says: stop, command: ["service", service, "stop"], mayFail: true });
  }
  return system.root ? steps : steps.map((step) => ({ ...step, command: ["sudo", ...step.command] }));
}

function run({ command: [file = "", ...args], mayFail }: InstallStep): void {
  const { status, error } = spawnSync(file, args, { stdio: "inherit" });
  if (status === 0 || mayFail === true) return;
  throw failed([file, ...args].map(shellWord).join(" "), error?.message ?? `ended with code ${status}`);
}

function failed(at: string, says: string): CommandFailed {
  const fix = "See what it printed above; run it again when that is put right";
  return new CommandFailed({ code: "install-failed", at, says, fix });
}

function notDebian(missing: readonly string[]): CommandFailed {
  return new CommandFailed({
    code: "install-failed",
    at: "apt-get",
    says: "this system is neither Debian nor Ubuntu, whose packages `ninefold install` knows",
    fix: `Install what your system has for ${missing.join(", ")}`,
  });
}

/** A word as a person can paste it into a shell. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
