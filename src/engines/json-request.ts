/** What an engine's HTTP interface answered. */
export interface JsonAnswer {
  readonly status: number;
  /** The parsed body; undefined when there was none, or when it was not JSON. */
  readonly body: unknown;
  /** The body as it came: some refusals are plain text. */
  readonly text: string;
}

/**
 * One request to an engine's own HTTP interface.
 * @param options.withinMs longest time until the whole answer is there, in milliseconds
 * @throws the errors of fetch: a TypeError whose `cause` says why nobody could be reached, a TimeoutError after `withinMs`
 */
export async function jsonRequest(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown; withinMs: number },
): Promise<JsonAnswer> {
  const { method = "GET", headers = {}, body, withinMs } = options;
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    signal: AbortSignal.timeout(withinMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: parsed(text), text };
}

/** Why a request failed, in a few words: `ECONNREFUSED`, or the error's own text. */
export function whyUnreachable(cause: unknown): string {
  const { message, cause: inner } = cause as Error & { cause?: { code?: string } };
  return inner?.code ?? message;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
