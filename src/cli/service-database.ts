import { readFile } from "node:fs/promises";
import { statePaths } from "../control/paths.ts";
import { connect } from "../control/start.ts";
import { Endpoints } from "../topology/endpoints.ts";
import { InstanceSecrets } from "../topology/instance-config.ts";
import { notRunning } from "./problem.ts";

/** The database of the running service, as the service itself sees it: with its role, and two connections. */
export async function serviceDatabase(folder: string, command: string) {
  if ((await connect(folder)) === undefined) throw notRunning(folder);
  const { openDatabase } = await import("../runtime/data/index.ts");
  const { pino } = await import("pino");
  const paths = statePaths(folder);
  const endpoints = Endpoints.parse(JSON.parse(await readFile(paths.endpoints, "utf8")));
  const secrets = InstanceSecrets.parse(JSON.parse(await readFile(paths.serviceSecrets, "utf8")));
  return openDatabase<unknown>({
    endpoints,
    credentials: secrets.database,
    connections: 2,
    holdMs: 10_000,
    log: pino({ level: "silent" }),
    applicationName: `ninefold ${command}`,
  });
}
