/** Where a problem is, what is wrong and what to do next. */
export interface Problem {
  /** Path inside the document, file or command the problem is in, such as `databases.main.replicas`. */
  readonly at: string;
  readonly says: string;
  readonly fix: string;
}

/**
 * An error a person or a caller can act on. `code` is stable and documented in docs/errors.md; the message says what
 * happened, where, and what to do next. Each kind the caller can react to is a subclass with a name of its own.
 */
export class NinefoldError extends Error {
  readonly code: string;
  readonly at: string;
  readonly says: string;
  readonly fix: string;

  constructor(code: string, problem: Problem, options?: ErrorOptions) {
    super(`${problem.at}: ${problem.says}. ${problem.fix}`, options);
    this.name = new.target.name;
    this.code = code;
    this.at = problem.at;
    this.says = problem.says;
    this.fix = problem.fix;
  }
}
