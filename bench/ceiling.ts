/**
 * The generator's own ceiling: the same mix against a server that answers every request with the same bytes.
 * This file is also that server, in a process of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { type BenchResult, defineCheck, openBench } from "../src/check/index.ts";

const BODY = JSON.stringify({ articles: [], filler: "x".repeat(4_000) });
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

/** Requests a second that the generator could send and take at most, with answers of 4 kB. */
export async function measureCeiling(connections: number, durationMs: number): Promise<BenchResult> {
  const server = spawn(process.execPath, ["--conditions=ninefold-source", fileURLToPath(import.meta.url)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = await once(server.stdout.setEncoding("utf8"), "data");
    const check = defineCheck<null, null>({
      name: "ceiling",
      world: () => null,
      model: [],
      users: { enter: async () => ({ authorization: `Token ${"x".repeat(150)}`, state: null }) },
      operations: {
        get: { kind: "read", weight: 1, plan: () => ({ method: "GET", path: "/api/articles?limit=20", expect: 200 }) },
      },
    });
    const bench = await openBench({ check, url: `http://127.0.0.1:${Number(port)}`, connections });
    try {
      return await bench.run({ durationMs, warmupMs: 1_000 });
    } finally {
      await bench.close();
    }
  } finally {
    server.kill("SIGKILL");
    await once(server, "exit");
  }
}

if (import.meta.main) {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    // One request at a time and no bodies: each piece that ends a head is one request.
    socket.on("data", (chunk) => {
      if (chunk.indexOf("\r\n\r\n", chunk.length - 4) >= 0) socket.write(ANSWER);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address === "object" && address !== null) process.stdout.write(`${address.port}\n`);
  });
}
