import type { Run } from "./definition.ts";

/** @param id letters and digits, unlike that of any other run against the same data */
export function createRun(id: string): Run {
  let tokens = 0;
  const token = new RegExp(`${id}-[0-9a-z]+`);
  const version = new RegExp(`${id}\\.v([0-9]+)`);
  return {
    id,
    token: () => `${id}-${(tokens++).toString(36)}`,
    find: (text) => (typeof text === "string" ? token.exec(text)?.[0] : undefined),
    versioned: (key, number) => `${key} ${id}.v${number}`,
    version: (text) => Number((typeof text === "string" ? version.exec(text)?.[1] : undefined) ?? 0),
  };
}
