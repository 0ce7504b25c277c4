import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { firstAnswer } from "./conduit-service.ts";

const PEER = fileURLToPath(new URL("./peer/server.ts", import.meta.url));

/** Starts the peer (bench/peer) on a port of 127.0.0.1 and waits for its first 200. It ends when it is disposed. */
export async function startPeer(database: string, port: number, connections: number) {
  const child = spawn(process.execPath, ["--conditions=ninefold-source", PEER], {
    env: { ...process.env, DATABASE_URL: database, PORT: String(port), CONNECTIONS: String(connections) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  const url = `http://127.0.0.1:${port}`;
  await firstAnswer(`${url}/api/tags`, 60_000).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url, [Symbol.asyncDispose]: stop };
}
