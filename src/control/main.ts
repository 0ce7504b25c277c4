/**
 * The control plane's process: `node main.js <service folder>`, kept by the agent as the instance `dc1.control`.
 * Ends with 2 when it cannot work with the folder; the reason is the last line of its log.
 */
import { reportOf } from "./problem.ts";
import { runControl } from "./run.ts";

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write("usage: node main.js <service folder>\n");
  process.exit(2);
}
process.title = `ninefold control ${folder}`;
await runControl(folder).catch((error: unknown) => {
  process.stderr.write(
    `${JSON.stringify({ ...reportOf(error), stack: error instanceof Error ? error.stack : undefined })}\n`,
  );
  process.exit(2);
});
