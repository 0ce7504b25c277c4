import { expect, test } from "vitest";
import { scramVerifier } from "./scram.ts";

test("makes the verifier that PostgreSQL makes", () => {
  // From PostgreSQL 15: set password_encryption = 'scram-sha-256'; alter role x password 'correct horse battery'.
  expect(scramVerifier("correct horse battery", Buffer.from("0123456789abcdef"))).toMatch(
    /^SCRAM-SHA-256\$4096:MDEyMzQ1Njc4OWFiY2RlZg==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/,
  );
});

test("two verifiers of one password differ, so that nobody sees that two roles share it", () => {
  expect(scramVerifier("a password")).not.toBe(scramVerifier("a password"));
});
