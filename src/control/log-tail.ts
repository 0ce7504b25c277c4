import { open } from "node:fs/promises";

const TAIL_BYTES = 16 * 1024;

/** The last lines of a log, for a message; each of pino's JSON lines is shortened to what a person reads. */
export async function logTail(path: string, lines = 5): Promise<string> {
  const text = await endOf(path);
  const last = text
    .trimEnd()
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-lines)
    .map(readable);
  return last.length === 0 ? "" : `; the log ends with:\n  ${last.join("\n  ")}`;
}

/** The end of a log as it is; empty where there is none. */
export function endOf(path: string): Promise<string> {
  return tail(path).catch(() => "");
}

async function tail(path: string): Promise<string> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(TAIL_BYTES),
    0,
    TAIL_BYTES,
    Math.max(0, size - TAIL_BYTES),
  );
  return buffer.subarray(0, bytesRead).toString("utf8");
}

function readable(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    const parts = [msg, err?.message].filter((part) => typeof part === "string");
    return parts.length > 0 ? parts.join(": ") : line;
  } catch {
    return line;
  }
}
