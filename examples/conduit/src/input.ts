import { invalid } from "./problems.ts";

const BLANK = "can't be blank";

/** What a text field may hold. `max` is in UTF-16 code units. */
interface Text {
  readonly max: number;
}

/**
 * Reads the fields of a request body such as `{"user": {...}}` and gathers everything that is wrong with them,
 * so that the client hears of all at once. Call `check` before using what was read.
 */
export class Input {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #problems: Record<string, string[]> = {};

  constructor(body: unknown, wrapper: string) {
    const inside = isObject(body) ? body[wrapper] : undefined;
    this.#fields = isObject(inside) ? inside : {};
  }

  /** A text that must be there. */
  required(name: string, text: Text): string {
    return this.#text(name, text, this.#fields[name] ?? "");
  }

  /** A text that may be left out, but not be empty. */
  optional(name: string, text: Text): string | undefined {
    return Object.hasOwn(this.#fields, name) ? this.required(name, text) : undefined;
  }

  /** A text that may be left out, or emptied with "" or null. */
  nullable(name: string, text: Text): string | null | undefined {
    const value = this.#fields[name];
    if (value === undefined) return undefined;
    return value === null || value === "" ? null : this.#text(name, text, value);
  }

  /** A list of texts without its repetitions, in the order given; undefined if it was left out. */
  list(name: string, limits: Text & { readonly items: number }): string[] | undefined {
    const value = this.#fields[name];
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) {
      this.#problem(name, "must be a list");
      return [];
    }
    if (value.length > limits.items) this.#problem(name, `is too long (maximum is ${limits.items} entries)`);
    return [...new Set(value.slice(0, limits.items).map((item) => this.#text(name, limits, item ?? "")))];
  }

  /** Throws a 422 that names every field with a problem. */
  check(): void {
    if (Object.keys(this.#problems).length > 0) throw invalid(this.#problems);
  }

  #text(name: string, { max }: Text, value: unknown): string {
    if (typeof value !== "string") return this.#problem(name, "must be a text");
    if (value.trim() === "") return this.#problem(name, BLANK);
    if (value.length > max) return this.#problem(name, `is too long (maximum is ${max} characters)`);
    // PostgreSQL's texts hold neither NUL nor half a character.
    if (value.includes("\0") || !value.isWellFormed()) return this.#problem(name, "holds an invalid character");
    return value;
  }

  #problem(name: string, message: string): string {
    const messages = this.#problems[name] ?? [];
    if (!messages.includes(message)) this.#problems[name] = [...messages, message];
    return "";
  }
}

/** Most entries of a list in one answer. */
export const MOST_ENTRIES = 100;
/** The furthest one can page. */
const FURTHEST = 2_147_483_647;

export interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** Reads `limit` (default 20, more than 100 counts as 100) and `offset` (default 0). Throws a 422 for anything but whole numbers. */
export function readPage(query: Readonly<Record<string, unknown>>): Page {
  const problems: Record<string, string[]> = {};
  const number = (name: string, otherwise: number, least: number, most: number) => {
    const value = query[name];
    if (value === undefined) return otherwise;
    if (typeof value !== "string" || !/^-?\d+$/.test(value)) problems[name] = ["is not a number"];
    else if (Number(value) < least) problems[name] = [`must be at least ${least}`];
    return Math.min(Number(value), most);
  };
  const page = { limit: number("limit", 20, 1, MOST_ENTRIES), offset: number("offset", 0, 0, FURTHEST) };
  if (Object.keys(problems).length > 0) throw invalid(problems);
  return page;
}

/** Reads a text of the query string; undefined if it was left out. Throws a 422 if it was given twice. */
export function readFilter(query: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || typeof value === "string") return value;
  throw invalid({ [name]: ["may be given only once"] });
}

/** Whether PostgreSQL can hold this text; one that it cannot is certainly the name of nothing. */
export const isStorable = (text: string) => !text.includes("\0") && text.isWellFormed();

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
