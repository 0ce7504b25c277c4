import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import type { Check } from "./definition.ts";
import { CheckFileError } from "./errors.ts";

const Name = z
  .string()
  .regex(
    /^[a-z][A-Za-z0-9 -]{0,39}$/,
    "a name begins with a small letter and has at most 40 letters, digits, spaces or dashes",
  );
const callable = <T>(what: string) => z.custom<T>((value) => typeof value === "function", `${what} must be a function`);

const Definition = z.strictObject({
  name: Name,
  world: callable("world"),
  users: z.strictObject({ enter: callable("users.enter"), prepare: callable("users.prepare").optional() }),
  model: z
    .array(z.looseObject({ kind: z.enum(["list", "register", "set", "effects"]), name: Name }))
    .refine((parts) => new Set(parts.map(({ name }) => name)).size === parts.length, "two parts have the same name"),
  operations: z
    .record(
      Name,
      z.strictObject({
        kind: z.enum(["read", "write", "delete"]),
        weight: z.number().positive().finite(),
        plan: callable("plan"),
      }),
    )
    .refine((operations) => Object.keys(operations).length > 0, "at least one operation is needed"),
});

const FIX = 'Correct the check file; `import { defineCheck } from "ninefold/check"` shows its types';

/** @throws CheckFileError with the place of the first thing that is wrong. */
export function validateCheck(value: unknown, at: string): Check {
  if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== "ninefold-check") {
    throw new CheckFileError(at, "the default export is not made by defineCheck", FIX);
  }
  const check = value as Check;
  const result = Definition.safeParse(check.definition);
  if (result.success) return check;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? at : `${at} ${issue.path.join(".")}`;
  throw new CheckFileError(where, issue?.message ?? "not a check definition", FIX, { cause: result.error });
}

/** Loads a check file. @throws CheckFileError when it is missing, does not load or is not usable. */
export async function loadCheck(file: string): Promise<Check> {
  const path = resolve(file);
  await access(path).catch((error: unknown) => {
    throw new CheckFileError(file, "there is no such file", "Give the path of a check file", { cause: error });
  });
  const module: { default?: unknown } = await import(pathToFileURL(path).href).catch((error: unknown) => {
    const says = `it does not load: ${error instanceof Error ? error.message : String(error)}`;
    throw new CheckFileError(file, says, FIX, { cause: error });
  });
  return validateCheck(module.default, file);
}
