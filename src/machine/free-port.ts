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
    const server = createServer().listen(port, address);
    const free = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
