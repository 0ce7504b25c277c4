import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ownProgram, PACKAGE_ROOT } from "./package.ts";

const run = promisify(execFile);

async function loadsUndici(module: string): Promise<boolean> {
  const options = ownProgram("control/main").filter((argument) => argument.startsWith("--"));
  const code = `await import(${JSON.stringify(`${PACKAGE_ROOT}/src/${module}`)});
    console.log(process.moduleLoadList.some((name) => name.includes("internal/deps/undici/undici")))`;
  const { stdout } = await run(process.execPath, [...options, "--input-type=module", "-e", code]);
  return stdout.trim() === "true";
}

test.each(["machine/local/server.ts", "control/server.ts", "runtime/roles/app.ts", "runtime/roles/worker.ts"])(
  "%s is loaded without undici",
  async (module) => {
    expect(await loadsUndici(module)).toBe(false);
  },
);
