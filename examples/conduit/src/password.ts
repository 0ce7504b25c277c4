import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/** Work of one hash: about 40 ms and 16 MiB. Stored with each hash, so that it can be raised for new ones. */
const COST = { N: 16_384, r: 8, p: 1 };
const LENGTH = 32;

/** Hashes a password as `scrypt$N$r$p$salt$key`, the last two in base64url. */
export async function hashPassword(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  const key = await derive(password, salt, COST);
  return ["scrypt", COST.N, COST.r, COST.p, salt.toString("base64url"), key.toString("base64url")].join("$");
}

/**
 * Whether a password is the one that was hashed. Without a hash (no such user) it answers false after just as much work,
 * so that the time of an answer does not tell which e-mail addresses are known.
 */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, N, r, p, salt, key] = (hash ?? NOBODY).split("$");
  const expected = Buffer.from(key ?? "", "base64url");
  const given = await derive(password, Buffer.from(salt ?? "", "base64url"), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  });
  return given.length === expected.length && timingSafeEqual(given, expected) && hash !== undefined;
}

const NOBODY = ["scrypt", COST.N, COST.r, COST.p, "", ""].join("$");

function derive(password: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, LENGTH, cost, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
