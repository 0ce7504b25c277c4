import type { Claim, Part, Sight } from "./model.ts";
import type { Kind } from "./operation.ts";
import type { Random } from "./random.ts";

/** One request. The body is sent as JSON. */
export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, percent-encoded, from the root of the address that is checked. */
  readonly path: string;
  readonly body?: unknown;
  /** Sends no `Authorization`. The cookies go along in sessions that keep them: this is how such a client is known. */
  readonly anonymous?: boolean;
}

/** A request with what it means. */
export interface Plan extends Request {
  /** The one status that means success. */
  readonly expect: number;
  readonly claims?: readonly Claim[];
  /**
   * Reads the answer's JSON (`undefined` for an empty body) of a request that succeeded. May remember things in the
   * user's state. An exception means that the answer is not what the API promises: the operation has failed.
   */
  readonly answer?: (body: never) => readonly Sight[] | undefined;
}

/** Names that belong to one run alone, so that a database with other data, or of an earlier run, can be checked. */
export interface Run {
  /** Letters and digits; different in every run. */
  readonly id: string;
  /** A new token, unique in the run: letters, digits and dashes, at most 40 characters. */
  token(): string;
  /** The first token of this run inside a text, or undefined when the text comes from elsewhere. */
  find(text: unknown): string | undefined;
  /** A text that carries a register's version, and its reverse: 0 for a text from elsewhere. */
  versioned(key: string, version: number): string;
  version(text: unknown): number;
}

/** A simulated user who can send requests one by one; used to sign up and to audit. */
export interface Visitor {
  readonly name: string;
  readonly run: Run;
  /** Sends and gives the answer's status and JSON, whatever the status. Throws when no answer came. */
  send(request: Request): Promise<{ readonly status: number; readonly body: unknown }>;
  /** GETs JSON and throws when the status is not 200. */
  get(path: string, options?: { readonly anonymous?: boolean }): Promise<unknown>;
}

/** A simulated user. `cookies`: a browser that keeps cookies; otherwise only `Authorization` says who it is. */
export interface User<World, State> {
  /** From 0; also the number of its session in the report. */
  readonly number: number;
  readonly name: string;
  readonly cookies: boolean;
  readonly state: State;
  readonly world: World;
  readonly run: Run;
  readonly random: Random;
  /** Names of all users of the run, itself included. */
  readonly names: readonly string[];
}

export interface Operation<World, State> {
  readonly kind: Kind;
  /** How often it is chosen, relative to the other operations; more than 0. */
  readonly weight: number;
  /** The next request of this kind for this user, or undefined when there is nothing to do now; another operation is then chosen. */
  readonly plan: (user: User<World, State>) => Plan | undefined;
}

/** Describes a service to `ninefold check`. The default export of a check file, made by {@link defineCheck}. */
export interface CheckDefinition<World, State> {
  readonly name: string;
  /** Knowledge that all users share, such as the articles that exist. */
  readonly world: () => World;
  readonly users: {
    /** Signs the user up, or in, and gives the headers that say who it is from then on, and its own state. */
    readonly enter: (
      visitor: Visitor,
      world: World,
    ) => Promise<{ readonly authorization?: string; readonly state: State }>;
    /** What each user does before the run begins, one request after the other. */
    readonly prepare?: (user: User<World, State>) => Iterable<Plan>;
  };
  /** What the service keeps, in the ledger's terms. */
  readonly model: readonly Part[];
  readonly operations: Readonly<Record<string, Operation<World, State>>>;
}

/** A check whose types are its own business; what the engine works with. */
export interface Check {
  readonly kind: "ninefold-check";
  readonly definition: CheckDefinition<unknown, unknown>;
}

/**
 * Describes a service to `ninefold check`.
 * @throws CheckFileError where the definition is not usable.
 */
export function defineCheck<World, State>(definition: CheckDefinition<World, State>): Check {
  // Only the definition's own functions ever see World and State again, each value where it came from.
  return { kind: "ninefold-check", definition: definition as unknown as CheckDefinition<unknown, unknown> };
}
