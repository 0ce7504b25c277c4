import { expect, test } from "vitest";
import { scramVerifier } from "./scram.ts";

test("has the form by which PostgreSQL knows a verifier from a password; that it fits, engine.test.ts shows by signing in", () => {
  expect(scramVerifier("correct horse battery", Buffer.from("0123456789abcdef"))).toMatch(
    /^SCRAM-SHA-256\$4096:MDEyMzQ1Njc4OWFiY2RlZg==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/,
  );
});

test("two verifiers of one password differ, so that nobody sees that two roles share it", () => {
  expect(scramVerifier("a password")).not.toBe(scramVerifier("a password"));
});
