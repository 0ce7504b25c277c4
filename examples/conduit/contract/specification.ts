import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

/** Checks answers against `openapi.yml`, the specification as RealWorld publishes it. */
export interface Specification {
  /** Method and path of an operation, such as `put` and `/articles/{slug}`. Throws for an id that there is not. */
  operation(id: string): { readonly method: string; readonly path: string };
  /** What is wrong with an answer; undefined when it is as specified. */
  wrong(id: string, status: number, body: unknown): string | undefined;
  /** Every operation with each status that it may answer, as `GetTags 200`. */
  readonly answers: readonly string[];
}

interface Document {
  readonly paths: Record<string, Record<string, { operationId: string; responses: Record<string, { $ref: string }> }>>;
  readonly components: { readonly responses: Record<string, { content: Record<string, unknown> }> };
}

export function readSpecification(): Specification {
  const document: Document = parse(readFileSync(new URL("./openapi.yml", import.meta.url), "utf8"));
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, "openapi");
  const operations = new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId, responses }]) => [
        operationId,
        {
          method,
          path,
          responses: new Map(Object.entries(responses).map(([status, { $ref }]) => [status, nameOf($ref)])),
        },
      ]),
    ),
  );
  const operation = (id: string) => {
    const found = operations.get(id);
    if (found === undefined) throw new Error(`the specification has no operation ${id}`);
    return found;
  };
  return {
    operation,
    wrong: (id, status, body) => {
      const response = operation(id).responses.get(String(status));
      if (response === undefined) return `${status} is not among its answers`;
      const content = document.components.responses[response]?.content ?? {};
      if (!("application/json" in content)) return body === undefined ? undefined : "it should have no body";
      const path = `openapi#/components/responses/${response}/content/application~1json/schema`;
      const validate = ajv.getSchema(path);
      if (validate === undefined) throw new Error(`the specification has no schema at ${path}`);
      return validate(body) === true ? undefined : ajv.errorsText(validate.errors);
    },
    answers: [...operations].flatMap(([id, { responses }]) => [...responses.keys()].map((status) => `${id} ${status}`)),
  };
}

function nameOf(reference: string): string {
  return reference.split("/").at(-1) ?? "";
}
