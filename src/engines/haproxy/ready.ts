import { setTimeout as delay } from "node:timers/promises";
import { request } from "../../topology/node-http.ts";
import { ServerNotReady } from "./problem.ts";
import { READY_PATH } from "./server.ts";
import type { BalancedServer } from "./spec.ts";

const ASK_MS = 1_000;
const AGAIN_MS = 20;

/**
 * Waits until a server says that it is ready. HAProxy 2.6 takes a server that it was given at run time to be up before
 * it asked it, so somebody else must have.
 * @throws ServerNotReady after `withinMs`, with the last answer
 */
export async function awaitReady(server: BalancedServer, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask(server);
    if (answer === 200) return;
    if (Date.now() >= deadline)
      throw new ServerNotReady(`${server.name} at ${server.address}:${server.port}`, says(answer, withinMs));
    await delay(AGAIN_MS);
  }
}

function says(answer: number | Error, withinMs: number): string {
  const last = answer instanceof Error ? answer.message : `it answered ${READY_PATH} with status ${answer}`;
  return `not ready within ${withinMs} ms: ${last}`;
}

function ask({ address, port }: BalancedServer): Promise<number | Error> {
  return new Promise((resolve) => {
    const options = { host: address, port, path: READY_PATH, agent: false, timeout: ASK_MS } as const;
    const sent = request({ ...options, headers: { host: "localhost" } }, (response) => {
      response.resume();
      response.on("error", resolve);
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer in ${ASK_MS} ms`)));
    sent.on("error", resolve);
    sent.end();
  });
}
