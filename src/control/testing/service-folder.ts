import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../machine/free-port.ts";
import { localMachine } from "../../machine/local/index.ts";
import { findControl } from "../address.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A service in a folder of its own, for tests of the real thing. Disposing it stops everything that runs for it. */
export interface ServiceFolder extends AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  /** Replaces the service's code; `extra` stands at the top level of the module, `http` is the body of its listener's maker. */
  write(code: { version: number; extra?: string; http?: string }): Promise<void>;
  migration(name: string, up: string): Promise<void>;
  /** The version that answers on the public port. */
  version(): Promise<number>;
}

export async function serviceFolder(): Promise<ServiceFolder> {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-service-"));
  const port = await freePort();
  await mkdir(join(folder, "node_modules"));
  await mkdir(join(folder, "migrations"));
  await symlink(ROOT, join(folder, "node_modules", "ninefold"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "tested", type: "module" }));
  const migration = (name: string, up: string) =>
    writeFile(join(folder, "migrations", `${name}.ts`), `export async function up(db: any) { ${up} }\n`);
  const write: ServiceFolder["write"] = ({ version, extra = "", http = "" }) =>
    writeFile(
      join(folder, "service.ts"),
      `import { defineService } from "ninefold";
${extra}
export default defineService<any>({
  name: "tested",
  migrations: "./migrations",
  http: async ({ db }) => {
    ${http}
    return async (_request, response) => {
      const rows = await db.selectFrom("hits").selectAll().execute();
      response.end(JSON.stringify({ version: ${version}, rows: rows.length }));
    };
  },
});
`,
    );
  await migration("001", `await db.schema.createTable("hits").addColumn("id", "integer").execute();`);
  await write({ version: 1 });
  return {
    folder,
    port,
    write,
    migration,
    version: async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      return ((await response.json()) as { version: number }).version;
    },
    [Symbol.asyncDispose]: async () => {
      const control = await findControl(folder);
      if (control !== undefined) process.kill(control.pid, "SIGKILL");
      const machine = localMachine(folder);
      await machine.shutdown();
      await rm(join(machine.folder("x.y" as never), "../.."), { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
