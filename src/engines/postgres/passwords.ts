import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { NinefoldError } from "../../topology/problem.ts";
import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";

/** The database's superuser; used by the control plane only. */
export const SUPERUSER = "postgres";

const Password = z.string().regex(/^[\x21-\x7e]{16,}$/, "a password is at least 16 visible ASCII characters");
const DatabasePasswords = z.object({ [SUPERUSER]: Password, [OWNER_ROLE]: Password, [SERVICE_ROLE]: Password });
/** Password of each role of a database cluster. */
export type DatabasePasswords = z.infer<typeof DatabasePasswords>;

/** The file of passwords is there, but is not one. It is never overwritten: the database knows no other passwords. */
export class BadPasswords extends NinefoldError {
  constructor(path: string, cause: unknown) {
    super(
      "bad-passwords",
      { at: path, says: "is not a file of database passwords", fix: "Restore it from a backup" },
      { cause },
    );
  }
}

/**
 * Passwords of a database cluster, from a JSON file of mode 0600; made, at random, when it is not there. Two that make
 * it at once get the same ones.
 * @throws BadPasswords
 */
export async function databasePasswords(path: string): Promise<DatabasePasswords> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = () => randomBytes(24).toString("base64url");
  const made: DatabasePasswords = { [SUPERUSER]: fresh(), [OWNER_ROLE]: fresh(), [SERVICE_ROLE]: fresh() };
  const existing = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
  });
  if (existing === undefined) {
    const half = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
    await writeFile(half, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flush: true });
    // A link is made only where nothing is yet, so the first of two wins and the second reads its passwords.
    await link(half, path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EEXIST") throw cause;
    });
    await rm(half);
  }
  try {
    return DatabasePasswords.parse(JSON.parse(existing ?? (await readFile(path, "utf8"))));
  } catch (cause) {
    throw new BadPasswords(path, cause);
  }
}
