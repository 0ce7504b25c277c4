import { createCookieJar } from "../../../src/check/http/cookies.ts";
import type { Specification } from "./specification.ts";

export interface Asked {
  /** Values of the path's parameters. */
  readonly at?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly token?: string | undefined;
  readonly body?: unknown;
}

/** A client that knows nothing but the specification: every answer is checked against it. It keeps cookies, as clients do. */
export class ContractClient {
  /** Operations and statuses seen so far, as `GetTags 200`. */
  readonly seen = new Set<string>();
  readonly #url: string;
  readonly #specification: Specification;
  readonly #cookies = createCookieJar();

  /** @param url base of the API, such as `http://localhost:8080/api` */
  constructor(url: string, specification: Specification) {
    this.#url = url;
    this.#specification = specification;
  }

  /** Asks for an operation and gives the answer's body. Throws when the status is another, or the body is not as specified. */
  // biome-ignore lint/suspicious/noExplicitAny: the specification has said what it is
  async call(id: string, status: number, { at = {}, query = {}, token, body }: Asked = {}): Promise<any> {
    const { method, path } = this.#specification.operation(id);
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(at[name])));
    const search = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const cookie = this.#cookies.header();
    const answer = await fetch(`${this.#url}${filled}${search.size === 0 ? "" : `?${search}`}`, {
      method: method.toUpperCase(),
      headers: {
        ...(cookie === undefined ? {} : { cookie }),
        ...(token === undefined ? {} : { authorization: `Token ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    for (const each of answer.headers.getSetCookie()) this.#cookies.take(each);
    const text = await answer.text();
    const parsed: unknown = text === "" ? undefined : JSON.parse(text);
    const wrong =
      answer.status === status
        ? this.#specification.wrong(id, status, parsed)
        : `it answered ${answer.status}, not ${status}`;
    if (wrong !== undefined) throw new Error(`${id} (${method} ${filled}): ${wrong}: ${text.slice(0, 500)}`);
    this.seen.add(`${id} ${status}`);
    return parsed;
  }
}
