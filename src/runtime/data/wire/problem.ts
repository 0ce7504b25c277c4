import pg from "pg";

const FIELDS = new Map<number, string>([
  [0x53, "severity"],
  [0x43, "code"],
  [0x44, "detail"],
  [0x48, "hint"],
  [0x50, "position"],
  [0x70, "internalPosition"],
  [0x71, "internalQuery"],
  [0x57, "where"],
  [0x73, "schema"],
  [0x74, "table"],
  [0x63, "column"],
  [0x64, "dataType"],
  [0x6e, "constraint"],
  [0x46, "file"],
  [0x4c, "line"],
  [0x52, "routine"],
]);

/** Reads an ErrorResponse into node-postgres' own error, so that services can test for its class. */
export function readProblem(bytes: Buffer, from: number, to: number): { error: pg.DatabaseError; fatal: boolean } {
  const fields: Record<string, string> = {};
  let message = "";
  let fatal = false;
  for (let at = from; at < to && bytes[at] !== 0; ) {
    const end = bytes.indexOf(0, at + 1);
    const value = bytes.toString("utf8", at + 1, end);
    const name = FIELDS.get(bytes[at] as number);
    if (name !== undefined) fields[name] = value;
    if (bytes[at] === 0x4d) message = value;
    if (bytes[at] === 0x56) fatal = value === "FATAL" || value === "PANIC"; // never translated, unlike the severity
    at = end + 1;
  }
  return { error: Object.assign(new pg.DatabaseError(message, to - from, "error"), fields), fatal };
}

/** The five-character code of a database error, or undefined for any other. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
