import { afterAll, beforeAll, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../../testing.ts";

let conduit: TestConduit;
beforeAll(async () => {
  conduit = await startConduit();
});
afterAll(() => conduit[Symbol.asyncDispose]());

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const JPEG = Buffer.from("ffd8ffe000104a46494600", "hex");
const GIF = Buffer.from("GIF89a\x01\x00\x01\x00", "latin1");
const WEBP = Buffer.from("RIFF\x1a\x00\x00\x00WEBPVP8L", "latin1");

async function upload(token: string, content: Buffer, method: "POST" | "PUT" = "POST", type = "image/png") {
  const form = new FormData();
  form.append("image", new File([new Uint8Array(content)], "me.png", { type }));
  const encoded = new Response(form);
  const headers = { "content-type": encoded.headers.get("content-type") ?? "" };
  return conduit.call(method, "/user/image", { token, headers, body: Buffer.from(await encoded.arrayBuffer()) });
}

const fetchImage = (path: string, headers = {}) => conduit.call("GET", path.replace("/api", ""), { headers });

test.each([
  ["image/png", PNG],
  ["image/jpeg", JPEG],
  ["image/gif", GIF],
  ["image/webp", WEBP],
])("a picture of type %s becomes the user's image", async (type, content) => {
  const token = await conduit.register(type.replace("/", "-"));
  const answer = await upload(token, content, "PUT", "text/html");
  expect(answer).toMatchObject({
    status: 200,
    body: { user: { image: expect.stringMatching(/^\/api\/images\/[0-9a-f]{32}$/) } },
  });
  const { image } = answer.body.user;
  expect((await conduit.call("GET", "/user", { token })).body.user.image).toBe(image);

  const picture = await fetchImage(image);
  expect(picture.status).toBe(200);
  expect(picture.body.equals(content)).toBe(true);
  expect(picture.headers).toMatchObject({
    "content-type": type,
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "content-security-policy": expect.stringContaining("sandbox"),
    etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
  });
  expect((await fetchImage(image, { "if-none-match": picture.headers.etag })).status).toBe(304);
  expect((await fetchImage(image, { "if-none-match": '"another"' })).status).toBe(200);
});

test("what is no picture is refused, whatever it is said to be", async () => {
  const token = await conduit.register("sly");
  const wrong = { status: 422, body: { errors: { image: [expect.stringContaining("must be a PNG")] } } };
  expect(await upload(token, Buffer.from("<svg onload='alert(1)'/>"))).toMatchObject(wrong);
  expect(await upload(token, Buffer.from("<script>alert(1)</script>"))).toMatchObject(wrong);
  expect(await upload(token, Buffer.alloc(0))).toMatchObject(wrong);
  expect((await conduit.call("GET", "/user", { token })).body.user.image).toBeNull();
});

test("a picture of 1 MB is taken, a byte more is not", async () => {
  const token = await conduit.register("big");
  const full = Buffer.concat([PNG, Buffer.alloc(1_048_576 - PNG.length)]);
  expect((await upload(token, full)).status).toBe(200);
  const answer = await upload(token, Buffer.concat([full, Buffer.alloc(1)]));
  expect(answer).toMatchObject({ status: 413, body: { errors: { image: ["is too big (maximum is 1 MB)"] } } });
});

test("a body that is not multipart, or has no file, or is broken, is refused", async () => {
  const token = await conduit.register("odd");
  expect((await conduit.call("POST", "/user/image", { token, body: { image: "x" } })).status).toBe(422);
  const send = (body: string) =>
    conduit.call("POST", "/user/image", {
      token,
      body,
      headers: { "content-type": "multipart/form-data; boundary=x" },
    });
  expect((await send("--x--\r\n")).status).toBe(422);
  expect((await send("--x\r\nContent-Dispo")).status).toBeLessThan(500);
  const none = { "content-type": "multipart/form-data" };
  expect((await conduit.call("POST", "/user/image", { token, body: "x", headers: none })).status).toBeLessThan(500);
});

test("only the last two pictures of a user are kept", async () => {
  const token = await conduit.register("vain");
  const images: string[] = [];
  for (const content of [PNG, JPEG, GIF]) images.push((await upload(token, content)).body.user.image);
  const statuses = await Promise.all(images.map(async (image) => (await fetchImage(image)).status));
  expect(statuses).toEqual([404, 200, 200]);
});

test("an unknown picture is not found", async () => {
  for (const id of ["0".repeat(32), "x", "..%2f..%2fetc", "%00"]) {
    expect((await conduit.call("GET", `/images/${id}`)).status).toBe(404);
  }
});
