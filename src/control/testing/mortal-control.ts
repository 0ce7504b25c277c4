/**
 * A control plane that is killed with SIGKILL right after each write of its journal, once for each write. For tests: it is
 * started again until nothing is left to die of. `node mortal-control.ts <service folder> <file of the deaths so far>`
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { Journal } from "../journal.ts";
import { runControl } from "../run.ts";

const [folder = "", deaths = ""] = process.argv.slice(2);
const died = new Set(existsSync(deaths) ? readFileSync(deaths, "utf8").split("\n") : []);

class MortalJournal extends Journal {
  override stepBegins(...args: Parameters<Journal["stepBegins"]>) {
    super.stepBegins(...args);
    dieOnce(`begins ${JSON.stringify(args)}`);
  }
  override undoBegins(...args: Parameters<Journal["undoBegins"]>) {
    super.undoBegins(...args);
    dieOnce(`begins ${JSON.stringify(args)}`);
  }
  override stepEnds(...args: Parameters<Journal["stepEnds"]>) {
    super.stepEnds(...args);
    dieOnce(`ends ${args[0]} ${args[1]}`);
  }
  override turn(...args: Parameters<Journal["turn"]>) {
    super.turn(...args);
    dieOnce(`turn ${args[0]}`);
  }
  override finish(...args: Parameters<Journal["finish"]>) {
    super.finish(...args);
    dieOnce(`finish ${args[0]}`);
  }
  override fail(...args: Parameters<Journal["fail"]>) {
    super.fail(...args);
    dieOnce(`fail ${args[0]}`);
  }
}

function dieOnce(write: string): void {
  if (died.has(write)) return;
  appendFileSync(deaths, `${write}\n`);
  process.kill(process.pid, "SIGKILL");
}

await runControl(folder, (...args) => new MortalJournal(...args));
