import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { request } from "../topology/node-http.ts";

export interface Question {
  readonly method: string;
  readonly url: URL;
  readonly token: string;
  /** What is sent as JSON, if anything. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/**
 * One request on a connection of its own. Resolves with the head of the answer; its body is to be read as text.
 * @throws the errors of node:http
 */
export async function ask({ method, url, token, body, signal }: Question): Promise<IncomingMessage> {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const sent = request(url, {
    method,
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      ...(json === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(json) }),
    },
    ...(signal === undefined ? {} : { signal }),
  });
  sent.on("error", () => undefined); // what breaks after the head is told by whoever reads the answer
  sent.end(json);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  answer.setEncoding("utf8");
  return answer;
}

/** The body of an answer, parsed. @throws SyntaxError; the errors of node:http when it breaks off */
export async function jsonOf(answer: IncomingMessage): Promise<unknown> {
  return JSON.parse(await text(answer));
}
