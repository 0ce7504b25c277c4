import { z } from "zod";
import type { Problem } from "../topology/problem.ts";

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,39}$/,
    "a name has 1 to 40 lower-case letters, digits and dashes, and begins with a letter",
  );
const callable = z.custom((value) => typeof value === "function", "it must be a function");
const prefix = z.string().regex(/^\/./, "a prefix begins with `/` and names something, such as `/api`");

const Definition = z.strictObject({
  name,
  http: callable,
  migrations: z.string().min(1).optional(),
  assets: z
    .union([
      z.string().min(1),
      z.strictObject({
        folder: z.string().min(1),
        fallback: z.string().min(1).optional(),
        appPrefixes: z.array(prefix).optional(),
      }),
    ])
    .optional(),
  warm: z.array(z.string().regex(/^\/[^\s#]*$/, "a path begins with `/`, such as `/api/articles?limit=20`")).optional(),
  rehearse: callable.optional(),
  tables: z
    .record(
      z.string(),
      z
        .strictObject({
          key: z.string().min(1).optional(),
          unique: z.array(z.string().min(1)).optional(),
          everywhere: z.literal(true).optional(),
        })
        .refine((fact) => !(fact.everywhere && fact.key !== undefined), "a table kept everywhere has no `key`"),
    )
    .optional(),
  jobs: z
    .record(
      z.string(),
      z.strictObject({
        run: callable,
        attempts: z.int().min(1).max(100).optional(),
        backoff: z
          .strictObject({ initialMs: z.number().min(0).optional(), maxMs: z.number().min(0).optional() })
          .optional(),
        concurrency: z.int().min(1).optional(),
        schedule: z.string().min(1).optional(),
      }),
    )
    .optional(),
});

/** What is wrong with the shape of a service's definition; types do not reach a service that is not checked by TypeScript. */
export function checkDefinition(definition: unknown): readonly Problem[] {
  const result = Definition.safeParse(definition);
  if (result.success) return [];
  return result.error.issues.map((issue) => ({
    at: ["defineService", ...issue.path].map(String).join("."),
    says: issue.message,
    fix: "See `ServiceDefinition` in docs/writing-a-service.md",
  }));
}
