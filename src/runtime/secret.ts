import { hkdfSync } from "node:crypto";
import { NinefoldError } from "../topology/problem.ts";

/** `secret` was asked for a name it cannot take. */
export class BadSecretName extends NinefoldError {
  constructor(name: string) {
    super("bad-secret-name", {
      at: `secret(${JSON.stringify(name)})`,
      says: "a secret's name has 1 to 100 characters",
      fix: 'Name what it is for, such as `secret("jwt")`',
    });
  }
}

/** Derives the service's secrets from its key (HKDF with SHA-256): one name, one secret, and none tells anything of another. */
export function secretsFrom(serviceKey: string): (name: string) => string {
  return (name) => {
    if (typeof name !== "string" || name.length < 1 || name.length > 100) throw new BadSecretName(String(name));
    return Buffer.from(hkdfSync("sha256", serviceKey, "ninefold service secret", name, 32)).toString("hex");
  };
}
