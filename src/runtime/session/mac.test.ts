import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { macWith } from "./mac.ts";

const hex = (code: string) => Buffer.from(code, "latin1").toString("hex");

test("the code is that of RFC 4231, test case 2", () => {
  expect(hex(macWith("Jefe")(Buffer.from("what do ya want for nothing?")))).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("the code is Node's, for any key and messages one after the other", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.array(fc.uint8Array({ maxLength: 300 })), (key, messages) => {
      const mac = macWith(key);
      for (const message of messages) {
        expect(hex(mac(Buffer.from(message)))).toBe(createHmac("sha256", key).update(message).digest("hex"));
      }
    }),
  );
});
