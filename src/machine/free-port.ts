import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A free TCP port of a loopback address, for a server that a test stops and starts again. It lies below the range that
 * systems take ports of outgoing connections from (Linux: 32,768 to 60,999): in that range, while the server is away, any
 * client's connection may get its port, even one that wants to reach it and then talks to itself.
 */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(address, port)) return port;
  }
}

/** Whether a server could listen there now. */
export async function isFree(address: string, port: number): Promise<boolean> {
  const server = createServer().listen(port, address);
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
