// `npm start`: Conduit at rung 1. `PORT` changes the port; arguments after `--` go to `ninefold up`.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { buildClient, install, node, root } from "./setup.mjs";

install();
buildClient();
const up = spawn(node, [join(root, "bin", "ninefold.js"), "up", ...process.argv.slice(2)], {
  cwd: join(root, "examples", "conduit"),
  stdio: "inherit",
});
// Ctrl-C reaches the whole group; `ninefold up` stops what it started, and this waits for it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT") up.kill(signal);
  });
}
up.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
