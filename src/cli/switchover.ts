import type { Command } from "commander";
import { type Cli, runningControl } from "./context.ts";
import { duration } from "./terminal.ts";

export function switchoverCommand(program: Command, cli: Cli): void {
  program
    .command("switchover")
    .description(
      "let a standby be the primary on purpose, such as before work on its host; writes wait for about a second",
    )
    .argument("[member]", "the standby, such as dc1.db.2, instead of one that Patroni chooses")
    .option("--json", "print who led and who leads as JSON")
    .action(async (member: string | undefined, options: { json?: boolean }) => {
      const moved = await (await runningControl(cli)).switchover(member);
      if (options.json === true) return cli.terminal.line(JSON.stringify(moved));
      const { from, to, tookMs } = moved;
      cli.terminal.line(
        from === to
          ? `${to} is the primary already.`
          : `${to} is the primary, in the place of ${from} (${duration(tookMs)}).`,
      );
    });
}
