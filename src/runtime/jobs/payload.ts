import { BadPayload } from "./errors.ts";

/**
 * The payload as JSON text. What JSON would change silently (a date, a map, NaN, an undefined element, a cycle) is an
 * error that names its place, because the handler would otherwise see something else than the caller passed.
 * A property whose value is undefined is left out, as if it had not been written.
 * @throws BadPayload
 */
export function encodePayload(payload: unknown, at = "payload"): string {
  check(payload, at, new Set());
  return JSON.stringify(payload);
}

function check(value: unknown, at: string, above: Set<object>): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return;
    throw new BadPayload(at, `${value} is not a JSON number`, "Pass a finite number or null");
  }
  if (typeof value !== "object") {
    const kind = value === undefined ? "undefined" : `a ${typeof value}`;
    throw new BadPayload(at, `${kind} cannot be stored as JSON`, fixFor(value));
  }
  if (above.has(value)) throw new BadPayload(at, "the value contains itself", "Pass a value without cycles");
  above.add(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) check(value[i], `${at}[${i}]`, above);
  } else {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const name = value.constructor.name;
      const fix = value instanceof Date ? "Pass date.toISOString()" : "Pass a plain object or array";
      throw new BadPayload(at, `a ${name} does not survive JSON`, fix);
    }
    for (const [key, inner] of Object.entries(value)) if (inner !== undefined) check(inner, path(at, key), above);
  }
  above.delete(value);
}

function fixFor(value: unknown): string {
  return typeof value === "bigint" ? "Pass it as a string" : "Pass null, or leave the property out";
}

function path(at: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${at}.${key}` : `${at}[${JSON.stringify(key)}]`;
}
