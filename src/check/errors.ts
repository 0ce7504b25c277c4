import { NinefoldError } from "../topology/problem.ts";

/** The check file, or an option of the check, is not usable. Nothing was sent to the service. Code `check-file`. */
export class CheckFileError extends NinefoldError {
  constructor(at: string, says: string, fix: string, options?: ErrorOptions) {
    super("check-file", { at, says, fix }, options);
  }
}

/** The simulated users could not sign up or prepare their data, so there is nothing to judge. Code `check-setup`. */
export class CheckSetupError extends NinefoldError {
  constructor(at: string, says: string, options?: ErrorOptions) {
    const fix = "See that the service answers at this address and that the check file matches its API";
    super("check-setup", { at, says, fix }, options);
  }
}
