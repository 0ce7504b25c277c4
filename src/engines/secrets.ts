import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { NinefoldError } from "../topology/problem.ts";

const Password = z.string().regex(/^[\x21-\x7e]{16,}$/, "a password is at least 16 visible ASCII characters");

/** A file of passwords is there, but is not one. It is never overwritten: the engine knows no other passwords. */
export class BadPasswords extends NinefoldError {
  constructor(path: string, what: string, cause: unknown) {
    super("bad-passwords", { at: path, says: `is not a file of ${what}`, fix: "Restore it from a backup" }, { cause });
  }
}

/**
 * Passwords by user, from a JSON file of mode 0600; made, at random, when it is not there. Two that make it at once get
 * the same ones.
 * @param what what they are of, such as `database passwords`; for the message
 * @throws BadPasswords
 */
export async function passwordsFile<User extends string>(
  path: string,
  users: readonly User[],
  what: string,
): Promise<Record<User, string>> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const existing = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
  });
  if (existing === undefined) await makeFile(path, users);
  try {
    return z.record(z.enum(users), Password).parse(JSON.parse(existing ?? (await readFile(path, "utf8"))));
  } catch (cause) {
    throw new BadPasswords(path, what, cause);
  }
}

async function makeFile(path: string, users: readonly string[]): Promise<void> {
  const made = Object.fromEntries(users.map((user) => [user, randomBytes(24).toString("base64url")]));
  const half = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(half, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flush: true });
  // A link is made only where nothing is yet, so the first of two wins and the second reads its passwords.
  await link(half, path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EEXIST") throw cause;
  });
  await rm(half);
}
