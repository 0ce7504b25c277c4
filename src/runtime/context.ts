import { AsyncLocalStorage } from "node:async_hooks";
import type { Logger } from "pino";
import { NinefoldError } from "../topology/problem.ts";
import type { Origin } from "./http/origin.ts";
import { runWithSession, type Session } from "./session/index.ts";

/** What belongs to the request that is being answered. It follows the request through every `await`. */
export interface RequestContext {
  /** Sent back as `X-Request-Id`, and part of every line of `log`. */
  readonly requestId: string;
  /** The service's logger, with the request's id. */
  readonly log: Logger;
  /** Data centre that answers the request, such as `dc1`. */
  readonly datacenter: string;
  /** What the client has already seen and written; the database layer keeps it. */
  readonly session: Session;
  /**
   * Where the request came from: the client's address, and the scheme and host it used. Behind a balancer of the
   * topology these are the client's own; what a client writes into `Forwarded` or `X-Forwarded-*` itself never counts.
   */
  readonly client: Origin;
}

/** The context of one request. The logger and the client are made on first use: most requests need neither. */
export class Context implements RequestContext {
  readonly requestId: string;
  readonly datacenter: string;
  readonly session: Session;
  readonly #root: Logger;
  readonly #origin: () => Origin;
  #log: Logger | undefined;
  #client: Origin | undefined;

  constructor(requestId: string, datacenter: string, session: Session, root: Logger, origin: () => Origin) {
    this.requestId = requestId;
    this.datacenter = datacenter;
    this.session = session;
    this.#root = root;
    this.#origin = origin;
  }

  get client(): Origin {
    this.#client ??= this.#origin();
    return this.#client;
  }

  get log(): Logger {
    this.#log ??= this.#root.child({ requestId: this.requestId });
    return this.#log;
  }
}

/** {@link context} was called where no request is being answered. */
export class OutsideRequest extends NinefoldError {
  constructor() {
    super("outside-request", {
      at: "context()",
      says: "no request is being answered here",
      fix: "Call it while a request is handled; elsewhere use the `log` and `db` that the service was given",
    });
  }
}

const storage = new AsyncLocalStorage<Context>();

/**
 * The context of the request that is being answered.
 * @throws OutsideRequest where there is none, such as at start or in a job.
 * @example context().log.info({ slug }, "article published");
 */
export function context(): RequestContext {
  const current = storage.getStore();
  if (current === undefined) throw new OutsideRequest();
  return current;
}

/** The same, or undefined outside a request. */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/** Runs `work` as part of a request, and so in its session, where the database layer looks for it. */
export function runInContext<A extends unknown[], R>(to: Context, work: (...args: A) => R, ...args: A): R {
  return runWithSession(to.session, () => storage.run(to, work, ...args));
}
