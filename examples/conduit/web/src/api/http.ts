import { fromAnswer, malformed, unreachable } from "./error.ts";

const BASE = "/api";
/** A busy API says when to come back; reads do, this many times. */
const RETRIES = 3;
const LONGEST_RETRY_MS = 10_000;
const TIMEOUT_MS = 20_000;

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** JSON, or a form with files. */
  readonly body?: unknown;
  /** Send no token: signing in and up must not depend on an old one. */
  readonly anonymous?: boolean;
  /** Background work of ours: a 401 to it does not end the session. */
  readonly background?: boolean;
}

/** How requests know the session; set once by `state/session.ts`. */
export const credentials: { token: () => string | null; rejected: (token: string) => void; answered: () => void } = {
  token: () => null,
  rejected: () => {},
  answered: () => {},
};

/**
 * Sends a request to the API and gives the parsed answer, `undefined` where there is none.
 * @throws ApiError; the signal's reason when aborted.
 */
export async function request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
  const token = options.anonymous ? null : credentials.token();
  let response = await sendPatiently(method, path, token, options);
  if (response.status === 401 && token !== null && !options.background) {
    credentials.rejected(token);
    // What everybody may read is shown while nobody can say whether the token is good.
    if (method === "GET" && credentials.token() === token) response = await sendPatiently(method, path, null, options);
  }
  const text = await response.text().catch(() => {
    options.signal?.throwIfAborted();
    throw unreachable();
  });
  if (!response.ok) throw fromAnswer(response.status, parse(text));
  credentials.answered();
  if (text === "") return undefined;
  const body = parse(text);
  if (body === undefined) throw malformed(response.status);
  return body;
}

/** The part of an answer that the API promises under `key`, such as `article`. */
export function part<T>(answer: unknown, key: string): T {
  if (typeof answer === "object" && answer !== null) {
    const value = (answer as Readonly<Record<string, unknown>>)[key];
    if (typeof value === "object" && value !== null) return value as T;
  }
  throw malformed(200);
}

async function sendPatiently(method: string, path: string, token: string | null, options: RequestOptions) {
  for (let attempt = 0; ; attempt++) {
    const response = await send(method, path, token, options);
    const wait = response.headers.get("retry-after");
    const again = method === "GET" && response.status === 503 && wait !== null && attempt < RETRIES;
    if (!again) return response;
    await pause(retryDelay(wait, Date.now(), Math.random()), options.signal);
  }
}

async function send(method: string, path: string, token: string | null, { signal, body }: RequestOptions) {
  const headers = new Headers({ Accept: "application/json" });
  if (token !== null) headers.set("Authorization", `Token ${token}`);
  const form = body instanceof FormData;
  if (body !== undefined && !form) headers.set("Content-Type", "application/json");
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(BASE + path, {
      method,
      headers,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body === undefined ? {} : { body: form ? body : JSON.stringify(body) }),
    });
  } catch {
    signal?.throwIfAborted();
    throw unreachable();
  }
}

/**
 * Milliseconds to wait for a `Retry-After` of seconds or a date, spread by up to a half (`random` in 0 to 1) so that
 * waiting pages do not all come back at once.
 */
function retryDelay(header: string, now: number, random: number): number {
  const seconds = Number(header);
  const told = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  const wait = Number.isFinite(told) ? Math.max(told, 250) : 1000;
  return Math.min(wait * (1 + random / 2), LONGEST_RETRY_MS);
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
