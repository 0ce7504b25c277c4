import type { Terminal } from "./terminal.ts";

const LEVELS: Readonly<Record<number, "trace" | "debug" | "info" | "warn" | "error" | "fatal">> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

/** Fields that every line has and nobody reads. */
const DULL = new Set(["level", "time", "msg", "pid", "hostname", "instance", "v"]);

/** A structured log line as a person reads it; a line that is no JSON object stays as it is. */
export function readable(line: string, colors: Terminal["colors"]): string {
  const entry = objectOf(line);
  if (entry === undefined || typeof entry.level !== "number") return line;
  const level = LEVELS[entry.level] ?? String(entry.level);
  const paint = entry.level >= 50 ? colors.red : entry.level >= 40 ? colors.yellow : colors.dim;
  const time =
    typeof entry.time === "number" ? new Date(entry.time).toISOString().slice(11, 23) : String(entry.time ?? "");
  const fields = Object.entries(entry)
    .filter(([name]) => !DULL.has(name))
    .map(([name, value]) => `${colors.dim(`${name}=`)}${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [time, paint(level.padEnd(5)), String(entry.msg ?? ""), ...fields].join(" ").trimEnd();
}

function objectOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
