import { NinefoldError } from "../../topology/problem.ts";

/** Patroni, or the PostgreSQL under it, could not be reached or refused; `says` carries its own words. */
export class PatroniFailed extends NinefoldError {
  constructor(at: string, says: string, options?: ErrorOptions) {
    super("patroni-failed", { at, says, fix: "See the log in the instance's folder" }, options);
  }
}
