import { NinefoldError } from "../../topology/problem.ts";

/** etcd could not be reached, or refused what it was asked; `says` carries its own words. */
export class EtcdFailed extends NinefoldError {
  constructor(at: string, says: string, options?: ErrorOptions) {
    super("etcd-failed", { at, says, fix: "See the log in the member's folder" }, options);
  }
}
