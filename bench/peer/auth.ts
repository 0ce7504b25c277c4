import { createHmac, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Pool } from "pg";

export interface Auth {
  issue(userId: number): string;
  /** The signed-in user's id, or 0 for a stranger. Throws a 401 for a bad token. */
  viewer(request: FastifyRequest): number;
  /** The signed-in user's id. Throws a 401. */
  required(request: FastifyRequest): number;
}

export interface Parts {
  readonly app: FastifyInstance;
  readonly pool: Pool;
  readonly auth: Auth;
}

export function refuse(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}

/** JSON web tokens, HS256. */
export function authentication(secret: string): Auth {
  const header = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");
  const sign = (content: string) => createHmac("sha256", secret).update(content).digest();
  const viewer = (request: FastifyRequest) => {
    const { authorization } = request.headers;
    if (authorization === undefined) return 0;
    const [, head = "", payload = "", signature = ""] = /^\w+ ([^.]+)\.([^.]+)\.([^.]+)$/.exec(authorization) ?? [];
    const expected = sign(`${head}.${payload}`);
    const given = Buffer.from(signature, "base64url");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw refuse(401, "token is invalid");
    return Number(JSON.parse(Buffer.from(payload, "base64url").toString()).sub);
  };
  return {
    viewer,
    issue(userId) {
      const content = `${header}.${Buffer.from(JSON.stringify({ sub: userId })).toString("base64url")}`;
      return `${content}.${sign(content).toString("base64url")}`;
    },
    required(request) {
      const id = viewer(request);
      if (id === 0) throw refuse(401, "token is missing");
      return id;
    },
  };
}
