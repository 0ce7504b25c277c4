import { createHmac, timingSafeEqual } from "node:crypto";

const HEADER = encode({ alg: "HS256", typ: "JWT" });
const LIFETIME_S = 60 * 24 * 60 * 60;
const REMEMBERED = 10_000;

/** Issues and verifies JSON web tokens (HS256, valid for 60 days). */
export interface Tokens {
  issue(userId: number): string;
  /** The user's id, or undefined if the token is forged, broken or expired. */
  verify(token: string): number | undefined;
}

export function createTokens(secret: string, now: () => number = Date.now): Tokens {
  const sign = (content: string) => createHmac("sha256", secret).update(content).digest("base64url");
  // Tokens whose signature was seen to be right; clients send the same one with each request.
  const verified = new Map<string, { userId: number; expires: number }>();

  return {
    issue(userId) {
      const seconds = Math.floor(now() / 1000);
      const content = `${HEADER}.${encode({ sub: String(userId), iat: seconds, exp: seconds + LIFETIME_S })}`;
      return `${content}.${sign(content)}`;
    },
    verify(token) {
      let claims = verified.get(token);
      if (claims === undefined) {
        claims = read(token, sign);
        if (claims === undefined) return undefined;
        if (verified.size >= REMEMBERED) verified.clear();
        verified.set(token, claims);
      }
      return claims.expires * 1000 > now() ? claims.userId : undefined;
    },
  };
}

function read(token: string, sign: (content: string) => string): { userId: number; expires: number } | undefined {
  const [header, payload, signature, ...more] = token.split(".");
  if (header !== HEADER || payload === undefined || signature === undefined || more.length > 0) return undefined;
  const expected = Buffer.from(sign(`${header}.${payload}`));
  const given = Buffer.from(signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined;
  const { sub, exp } = JSON.parse(Buffer.from(payload, "base64url").toString());
  return { userId: Number(sub), expires: exp };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
