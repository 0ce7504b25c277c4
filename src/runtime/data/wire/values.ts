import pg from "pg";
import type { Encoded } from "./writer.ts";

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): Encoded } }).utils;

/** Parameters as node-postgres sends them: dates with their offset, arrays as array literals, objects as JSON. */
export function encodeValues(values: readonly unknown[]): Encoded[] {
  const encoded = new Array<Encoded>(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    switch (typeof value) {
      case "string":
        encoded[i] = value;
        break;
      case "number":
      case "boolean":
      case "bigint":
        encoded[i] = String(value);
        break;
      default:
        encoded[i] = prepareValue(value);
    }
  }
  return encoded;
}

/** Whether two statements with the same text have the same parameters. */
export function sameValues(a: readonly Encoded[], b: readonly Encoded[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
