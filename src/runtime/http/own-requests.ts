import { Agent, request as httpRequest } from "../../topology/node-http.ts";
import type { Answer, AskOptions } from "../service.ts";
import type { HttpServer } from "./server.ts";

const LOOPBACK = "127.0.0.1";

/** Requests of an instance to its own app. */
export interface OwnRequests {
  /** @throws the system's error, also once `signal` was aborted */
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** Ends the server. */
  end(): Promise<void>;
}

/**
 * @param server of the app, not listening yet, which nobody else will know
 * @param atOnce connections, 1 or more; what is asked beyond them waits
 */
export async function ownRequests(server: HttpServer, atOnce: number, signal: AbortSignal): Promise<OwnRequests> {
  const { port } = await server.listen({ host: LOOPBACK, port: 0 });
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  return {
    ask: (path, { method = "GET", headers = {}, json } = {}) =>
      new Promise<Answer>((resolve, reject) => {
        const body = json === undefined ? undefined : JSON.stringify(json);
        const described = body === undefined ? headers : { "content-type": "application/json", ...headers };
        const request = httpRequest({ host: LOOPBACK, port, path, method, headers: described, agent, signal });
        request.once("error", reject);
        request.once("response", (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("error", reject);
          response.once("end", () => {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, text, json: () => JSON.parse(text) });
          });
        });
        request.end(body);
      }),
    async end() {
      agent.destroy();
      await server.drain(0);
    },
  };
}
