import { afterAll, beforeAll, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../testing.ts";
import { rehearse } from "./rehearsal.ts";

let conduit: TestConduit;
beforeAll(async () => {
  conduit = await startConduit();
});
afterAll(() => conduit[Symbol.asyncDispose]());

test("every request of the rehearsal succeeds, as often as it is played", async () => {
  const played: string[] = [];
  const rehearsal: Parameters<typeof rehearse>[0] = {
    db: conduit.db,
    secret: conduit.secret,
    ask: async (path, { method = "GET", headers = {}, json } = {}) => {
      played.push(method);
      const { status, body } = await conduit.call(method as "GET", path.replace("/api", ""), { headers, body: json });
      return { status, text: JSON.stringify(body), json: () => body };
    },
  };
  await rehearse(rehearsal);
  const once = played.length;
  await rehearse(rehearsal);
  expect(played).toHaveLength(2 * once);
  expect(new Set(played)).toEqual(new Set(["GET", "POST", "PUT", "DELETE"]));
});
