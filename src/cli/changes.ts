import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { parse } from "yaml";
import type { ControlClient, PlanEvents } from "../control/client.ts";
import type { Change, StatusView, TopologyView } from "../control/event.ts";
import { statePaths } from "../control/paths.ts";
import type { Rung } from "../topology/rung.ts";
import { type Cli, runningControl } from "./context.ts";
import { exit } from "./exit.ts";
import { follow } from "./follow.ts";
import { counts, LAG, rung, wholeNumber } from "./options.ts";
import { CommandFailed } from "./problem.ts";
import { table } from "./terminal.ts";

/** `climb`, `descend`, `finish`, `apply`, `scale`, `deploy`, `undo`: one change each of a service that runs. */
export function changeCommands(program: Command, cli: Cli): void {
  const json = ["--json", "print events as lines of JSON"] as const;

  program
    .command("scale")
    .description("change how many instances run, while the service serves")
    .argument("<counts...>", "such as app=4, workers=2 or replicas=3 (standbys of the database)")
    .option(...json)
    .action(async (words: string[], options: { json?: boolean }) => {
      await make(cli, (await runningControl(cli)).scale(counts(words)), options, `Now ${words.join(" ")}.`);
    });

  program
    .command("deploy")
    .description(
      "roll out the service's code as it is in its folder now: migrations first, then one instance after another",
    )
    .option(...json)
    .action(async (options: { json?: boolean }) => {
      const control = await runningControl(cli);
      await make(cli, control.deploy(), options, async () => `Release ${(await control.status()).release} serves.`);
    });

  for (const kind of ["climb", "descend"] as const) {
    const [way, next] = kind === "climb" ? ["up", "above"] : ["down", "below"];
    const command = program
      .command(kind)
      .description(`go ${way} to another rung while the service serves; \`ninefold plan ${kind}\` shows the way`)
      .addOption(new Option("--to <rung>", `the rung to go to, instead of the one ${next}`).argParser(rung))
      .option(...json)
      .action(async (options: { to?: Rung; lag?: number; json?: boolean }) => {
        const control = await runningControl(cli);
        const change = {
          kind,
          ...(options.to === undefined ? {} : { to: options.to }),
          ...(options.lag === undefined ? {} : { lagMs: options.lag }),
        };
        await make(cli, control.apply(change), options, async () => serves(await control.status()));
      });
    if (kind === "climb") command.option(...LAG);
  }

  program
    .command("finish")
    .description("remove the database cluster that the last move keeps, so that going back loses nothing")
    .option(...json)
    .action(async (options: { json?: boolean }) => {
      const control = await runningControl(cli);
      await make(cli, control.apply({ kind: "finish" }), options, "Only the cluster that serves is left.");
    });

  program
    .command("apply")
    .description("make what runs be as ninefold.topology.yaml says, or as it was at an earlier version")
    .option("--to <version>", "a version that `ninefold topologies` lists", wholeNumber(1, 1_000_000))
    .option(...json)
    .action(async (options: { to?: number; json?: boolean }) => {
      const control = await runningControl(cli);
      const change = await wanted(options.to, control, cli);
      await make(cli, control.apply(change), options, async () => serves(await control.status()));
    });

  program
    .command("topologies")
    .description("list the versions of the topology that ran; `ninefold apply --to N` goes back to one")
    .option("--json", "print them as JSON")
    .action(async (options: { json?: boolean }) => {
      const kept = await (await runningControl(cli)).topologies();
      if (options.json === true) cli.terminal.line(JSON.stringify(kept, undefined, 2));
      else cli.terminal.line(table([["VERSION", "SINCE", "RUNG", "RELEASE"], ...kept.map(row)]));
    });

  program
    .command("undo")
    .description("go back to what ran before the last change")
    .option(...json)
    .action(async (options: { json?: boolean }) => {
      await make(cli, (await runningControl(cli)).undo(), options, "Undone.");
    });
}

/** What `apply` applies: the user's file, or a kept version. */
async function wanted(version: number | undefined, control: ControlClient, cli: Cli): Promise<Change> {
  if (version === undefined) {
    const { topologyFile } = statePaths(cli.folder());
    if (existsSync(topologyFile)) return { kind: "up" };
    const fix = "write it, or change what runs with `ninefold scale`, `climb` or `descend`";
    throw new CommandFailed(
      { code: "no-topology", at: topologyFile, says: "there is no such file", fix },
      exit.badInput,
    );
  }
  const kept = (await control.topologies()).find((one) => one.version === version);
  if (kept !== undefined) return { kind: "apply", topology: parse(kept.yaml) };
  const problem = { at: `version ${version}`, says: "it is not kept", fix: "see `ninefold topologies`" };
  throw new CommandFailed({ code: "no-such-version", ...problem }, exit.badInput);
}

function serves({ rung, service, url, copy }: StatusView): string {
  const kept =
    copy === undefined
      ? ""
      : `\n${copy} still follows, so that going back loses nothing; \`ninefold finish\` removes it.`;
  return `${service} serves at rung ${rung} on ${url}.${kept}`;
}

function row({ version, at, rung, release }: TopologyView): string[] {
  return [String(version), new Date(at).toISOString(), String(rung), release === undefined ? "-" : String(release)];
}

async function make(
  cli: Cli,
  events: PlanEvents,
  options: { json?: boolean },
  says: string | (() => Promise<string>),
): Promise<void> {
  const outcome = await follow(events, cli.terminal, options);
  if (!outcome.done) throw new CommandFailed(outcome.problem);
  if (options.json !== true) cli.terminal.note(typeof says === "string" ? says : await says());
}
