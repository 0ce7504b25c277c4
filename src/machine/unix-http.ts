import { request } from "../topology/node-http.ts";

export interface Answer {
  readonly status: number;
  /** The parsed JSON body, or undefined when there was none. */
  readonly body: unknown;
}

/**
 * One JSON request over a unix socket.
 * @param options.withinMs longest silence before it fails, in milliseconds
 * @throws the errors of node:http (`ENOENT` and `ECONNREFUSED` when nobody listens), `ETIMEDOUT` after `withinMs`
 */
export function unixRequest(
  socketPath: string,
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  options: { body?: unknown; withinMs: number; signal?: AbortSignal },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = options.body === undefined ? undefined : JSON.stringify(options.body);
    const sent = request(
      {
        socketPath,
        method,
        path,
        agent: false,
        timeout: options.withinMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        headers:
          text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          try {
            const received = Buffer.concat(chunks).toString("utf8");
            resolve({ status: response.statusCode ?? 0, body: received === "" ? undefined : JSON.parse(received) });
          } catch (cause) {
            reject(new Error(`${socketPath}${path} answered something other than JSON`, { cause }));
          }
        });
      },
    );
    sent.on("timeout", () => {
      sent.destroy(
        Object.assign(new Error(`${socketPath}${path}: no answer in ${options.withinMs} ms`), { code: "ETIMEDOUT" }),
      );
    });
    sent.on("error", reject);
    sent.end(text);
  });
}

/** The error says that nobody listens on the socket, so the request was not seen by anyone. */
export function nobodyListens(cause: unknown): boolean {
  const code = (cause as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ECONNREFUSED";
}
