import type { IncomingHttpHeaders } from "node:http";

/** What the conditions of a request are compared with. */
export interface Validators {
  /** Strong entity tag, with its quotes. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
}

/** Evaluates the preconditions in the order of RFC 9110 13.2.2. */
export function precondition(headers: IncomingHttpHeaders, { etag, modifiedMs }: Validators): "send" | 304 | 412 {
  const modified = Math.floor(modifiedMs / 1_000);
  const ifMatch = headers["if-match"];
  if (ifMatch !== undefined) {
    if (!listed(ifMatch, etag, "strong")) return 412;
  } else {
    const since = seconds(headers["if-unmodified-since"]);
    if (since !== undefined && modified > since) return 412;
  }
  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined) return listed(ifNoneMatch, etag, "weak") ? 304 : "send";
  const since = seconds(headers["if-modified-since"]);
  return since !== undefined && modified <= since ? 304 : "send";
}

export interface ByteRange {
  /** First and last byte, both included. */
  readonly start: number;
  readonly end: number;
}

/**
 * The range to send: undefined for the whole (no range, several, one that cannot be read, or an `If-Range` that
 * does not hold: RFC 9110 14.2 allows a server to ignore ranges), "unsatisfiable" for 416.
 */
export function requestedRange(
  headers: IncomingHttpHeaders,
  size: number,
  { etag, modifiedMs }: Validators,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=([0-9]*)-([0-9]*)$/.exec(headers.range ?? "");
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  const ifRange = headers["if-range"];
  if (ifRange !== undefined) {
    const holds = String(ifRange).startsWith('"')
      ? ifRange === etag
      : seconds(String(ifRange)) === Math.floor(modifiedMs / 1_000);
    if (!holds) return undefined;
  }
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size - 1 : Math.min(Number(last), size - 1) };
}

function listed(header: string, etag: string, comparison: "strong" | "weak"): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").some((item) => {
    const tag = item.trim();
    return tag === etag || (comparison === "weak" && tag === `W/${etag}`);
  });
}

function seconds(date: string | undefined): number | undefined {
  if (date === undefined) return undefined;
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1_000);
}
