import { connect } from "../control/start.ts";
import { follow, type Outcome } from "./follow.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

const quiet: Terminal = { ...createTerminal(), line: () => {}, note: () => {}, progress: () => {}, settle: () => {} };

/** Stops everything that runs for a folder, and with `destroy` removes its data. Does nothing where nothing runs. */
export async function stopEverything(
  folder: string,
  options: { destroy?: boolean; json?: boolean },
  terminal: Terminal = quiet,
): Promise<Outcome> {
  const control = await connect(folder);
  if (control === undefined) return { done: true };
  return follow(control.down(options.destroy === true ? { destroy: true } : {}), terminal, options);
}
