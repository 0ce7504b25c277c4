/**
 * Why a request did not succeed.
 * - `unreachable`: no answer came (network gone, timeout).
 * - `failing`: the API answered 5xx, 408 or 429, or something that is not what it promises.
 * - `refused`: the API understood and said no (other 4xx).
 */
export type Failure = "unreachable" | "failing" | "refused";

/** A request that did not succeed. `status` is 0 when no answer came. */
export class ApiError extends Error {
  readonly failure: Failure;
  readonly status: number;
  readonly messages: readonly string[];

  constructor(failure: Failure, status: number, messages: readonly string[]) {
    super(messages.join("; "));
    this.name = "ApiError";
    this.failure = failure;
    this.status = status;
    this.messages = messages;
  }

  /** It may go away without the user changing anything, so trying again makes sense. */
  get passing(): boolean {
    return this.failure !== "refused";
  }
}

export function unreachable(): ApiError {
  return new ApiError("unreachable", 0, ["Unable to connect. Check your internet connection and try again."]);
}

export function malformed(status: number): ApiError {
  return new ApiError("failing", status, ["Conduit gave an answer that makes no sense. Try again in a moment."]);
}

/** The error that an answer with a status of 400 or more stands for; `body` is its parsed body, of whatever shape. */
export function fromAnswer(status: number, body: unknown): ApiError {
  if (status >= 500) {
    return new ApiError("failing", status, [`Conduit is having trouble (${status}). Try again in a moment.`]);
  }
  if (status === 408 || status === 429) {
    return new ApiError("failing", status, ["Conduit is busy. Try again in a moment."]);
  }
  const told = toldErrors(body);
  return new ApiError(
    "refused",
    status,
    told.length > 0 ? told : [PLAIN[status] ?? `Conduit refused this (${status}).`],
  );
}

/** Anything thrown, as an error to show. A bug of ours must not pass for a network problem, so it stays recognizable. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError("failing", 0, [`Something went wrong in this page: ${String(thrown)}`]);
}

const PLAIN: Readonly<Record<number, string>> = {
  401: "You are not signed in.",
  403: "You are not allowed to do this.",
  404: "This does not exist (any more).",
  413: "This is too large.",
  415: "This kind of file is not accepted.",
};

/** `{"errors": {"username": ["has already been taken"]}}` reads as "username has already been taken". */
function toldErrors(body: unknown): string[] {
  if (typeof body !== "object" || body === null || !("errors" in body)) return [];
  const { errors } = body;
  if (typeof errors !== "object" || errors === null) return [];
  return Object.entries(errors).flatMap(([field, told]) =>
    (Array.isArray(told) ? told : [told]).map((message) => `${field} ${String(message)}`),
  );
}
