/** A refusal that the client is told about as `{"errors": {"<key>": ["<message>"]}}`. */
export class Refusal extends Error {
  readonly statusCode: number;
  readonly errors: Readonly<Record<string, readonly string[]>>;

  constructor(statusCode: number, errors: Readonly<Record<string, readonly string[]>>) {
    super(`${statusCode} ${JSON.stringify(errors)}`);
    this.name = "Refusal";
    this.statusCode = statusCode;
    this.errors = errors;
  }
}

type Subject = "article" | "comment" | "profile" | "notification" | "image";

export const notFound = (subject: Subject) => new Refusal(404, { [subject]: ["not found"] });
export const forbidden = (subject: Subject) => new Refusal(403, { [subject]: ["forbidden"] });
export const invalid = (errors: Record<string, string[]>) => new Refusal(422, errors);
export const tokenMissing = () => new Refusal(401, { token: ["is missing"] });
export const tokenInvalid = () => new Refusal(401, { token: ["is invalid"] });

interface DatabaseError extends Error {
  readonly code: string;
  readonly constraint?: string;
}

function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/** Whether a row with the same unique value exists. */
export const isDuplicate = (error: unknown) => isDatabaseError(error) && error.code === "23505";

/**
 * The refusal that a foreign key stands for: what the new row hangs on went away while the request ran,
 * either the user whose token this is, or the article.
 */
export function orphaned(error: unknown): Refusal | undefined {
  if (!isDatabaseError(error) || error.code !== "23503") return undefined;
  return /(author|follower|user)_id_fkey$/.test(error.constraint ?? "") ? tokenInvalid() : notFound("article");
}
