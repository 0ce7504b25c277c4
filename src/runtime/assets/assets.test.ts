import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { request as undiciRequest } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Hosted, hostApp, raw } from "../http/testing.ts";
import type { Listener } from "../service.ts";

const SCRIPT = "export const answer = 42; // words words words\n".repeat(100);
const PAGE = "<!doctype html><title>page</title>";
const BIG = Buffer.alloc(3_000_000, "0123456789");

let folder: string;
let hosted: Hosted;

const app: Listener = (request, response) => {
  if (request.url === "/about") response.writeHead(200, { "content-type": "text/html" }).end("the app's page");
  else if (request.url?.startsWith("/hint"))
    response.writeHead(404, { "x-app": "1", "content-type": "text/plain" }).end("no");
  else {
    response.statusCode = 404;
    response.setHeader("x-app", "1");
    response.write("the app ");
    response.end("knows nothing");
  }
};

async function write(path: string, content: string | Buffer) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ninefold-assets-"));
  const release = join(folder, ".ninefold/releases/3/public");
  await write(join(release, "index.html"), PAGE);
  await write(join(release, "assets/app-8f3a1b2c.js"), SCRIPT);
  await write(join(release, "plain.js"), SCRIPT);
  await write(join(release, "big.bin"), BIG);
  await write(join(release, "empty.txt"), "");
  await write(join(release, "with space & ü.txt"), "ü");
  await write(join(release, ".env"), "SECRET=1");
  await write(join(release, ".git/config"), "SECRET=1");
  await write(join(folder, ".ninefold/releases/3/service.ts"), "SECRET=1");
  await symlink(join(folder, ".ninefold/releases/3/service.ts"), join(release, "link.txt"));
  await symlink(join(release, "plain.js"), join(release, "inside.js"));
  await utimes(join(release, "plain.js"), 1_700_000_000, 1_700_000_000);
  await write(join(folder, ".ninefold/releases/2/public/assets/old-1a2b3c4d.js"), "second");
  await write(join(folder, ".ninefold/releases/2/public/notes.txt"), "second");
  await write(join(folder, ".ninefold/releases/1/public/assets/old-1a2b3c4d.js"), "first");
  await write(join(folder, ".ninefold/releases/4/public/assets/new-9z8y7x6w.css"), "a{}");
  await write(join(folder, ".ninefold/releases/2/secret-1a2b3c4d.js"), "SECRET");
  hosted = await hostApp(app, { assets: { folder: release, fallback: "index.html", appPrefixes: ["/api"] } });
  await hosted.warmed;
});

afterAll(async () => {
  await hosted[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A request with no headers but those given; the body as it came. */
async function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  const {
    statusCode,
    headers: got,
    body,
  } = await undiciRequest(`${hosted.url}${path}`, { method: method as "GET", headers });
  return { status: statusCode, headers: got as Record<string, string>, body: Buffer.from(await body.arrayBuffer()) };
}

test("a file with a hash in its name may be kept for good, another is asked for again", async () => {
  const hashed = await get("/assets/app-8f3a1b2c.js");
  expect(hashed.headers).toMatchObject({
    "cache-control": "public, max-age=31536000, immutable",
    "content-type": "text/javascript; charset=utf-8",
    "x-content-type-options": "nosniff",
    vary: "Accept-Encoding",
  });
  const plain = await get("/plain.js");
  expect(plain.headers["cache-control"]).toBe("no-cache");
  expect(plain.headers["last-modified"]).toBe(new Date(1_700_000_000_000).toUTCString());
  const hash = plain.headers.etag!.slice(1, 11);
  expect((await get(`/plain.js?v=${hash}`)).headers["cache-control"]).toMatch(/immutable/);
  expect((await get("/plain.js?v=somethingelse")).headers["cache-control"]).toBe("no-cache");
  expect((await get("/plain.js?v=")).headers["cache-control"]).toBe("no-cache");
});

test("content comes in the best encoding the client takes, each with an entity tag of its own", async () => {
  const brotli = await get("/plain.js", { "accept-encoding": "gzip, deflate, br" });
  expect(brotli.headers["content-encoding"]).toBe("br");
  expect(brotliDecompressSync(brotli.body).toString()).toBe(SCRIPT);
  const gzip = await get("/plain.js", { "accept-encoding": "br;q=0, gzip" });
  expect(gzip.headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(gzip.body).toString()).toBe(SCRIPT);
  const identity = await get("/plain.js");
  expect(identity.headers["content-encoding"]).toBeUndefined();
  expect(identity.body.toString()).toBe(SCRIPT);
  const tags = [brotli, gzip, identity].map(({ headers }) => headers.etag);
  expect(new Set(tags).size).toBe(3);
  expect(Number(brotli.headers["content-length"])).toBe(brotli.body.length);
});

test("an unchanged file is not sent again", async () => {
  const { etag } = (await get("/plain.js")).headers;
  for (const tag of [etag!, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await get("/plain.js", { "if-none-match": tag });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
  }
  expect((await get("/plain.js", { "if-none-match": '"other"' })).status).toBe(200);
  const date = new Date(1_700_000_000_000).toUTCString();
  expect((await get("/plain.js", { "if-modified-since": date })).status).toBe(304);
  expect((await get("/plain.js", { "if-modified-since": new Date(0).toUTCString() })).status).toBe(200);
  // The tag decides where both are given.
  expect((await get("/plain.js", { "if-modified-since": date, "if-none-match": '"other"' })).status).toBe(200);
  expect((await get("/plain.js", { "if-match": '"other"' })).status).toBe(412);
  expect((await get("/plain.js", { "if-match": etag! })).status).toBe(200);
  expect((await get("/plain.js", { "if-unmodified-since": new Date(0).toUTCString() })).status).toBe(412);
});

test.each([
  ["bytes=0-9", 206, "bytes 0-9/3000000", "0123456789"],
  ["bytes=2999995-", 206, "bytes 2999995-2999999/3000000", "56789"],
  ["bytes=-3", 206, "bytes 2999997-2999999/3000000", "789"],
  ["bytes=2999998-99999999", 206, "bytes 2999998-2999999/3000000", "89"],
  ["bytes=3000000-", 416, "bytes */3000000", undefined],
  ["bytes=-0", 416, "bytes */3000000", undefined],
  ["bytes=5-2", 200, undefined, undefined],
  ["bytes=0-1,5-6", 200, undefined, undefined],
  ["lines=1-2", 200, undefined, undefined],
])("range %s is answered %i", async (range, status, contentRange, body) => {
  const answer = await get("/big.bin", { range, "accept-encoding": "br" });
  expect([answer.status, answer.headers["content-range"]]).toEqual([status, contentRange]);
  if (body !== undefined) expect(answer.body.toString()).toBe(body);
  if (status === 200) expect(answer.body.equals(BIG)).toBe(true);
});

test("a range of a file that has changed meanwhile gives the whole file", async () => {
  const { etag } = (await get("/plain.js")).headers;
  expect((await get("/plain.js", { range: "bytes=0-5", "if-range": etag! })).status).toBe(206);
  expect((await get("/plain.js", { range: "bytes=0-5", "if-range": '"older"' })).status).toBe(200);
  expect((await get("/plain.js", { range: "bytes=0-5", "if-range": `W/${etag}` })).status).toBe(200);
});

test("HEAD tells what GET would send", async () => {
  for (const path of ["/plain.js", "/big.bin", "/empty.txt"]) {
    const [head, whole] = [await get(path, {}, "HEAD"), await get(path)];
    const { date: _date, "x-request-id": _id, connection: _connection, "keep-alive": _keep, ...sent } = whole.headers;
    expect([head.status, head.body.length, head.headers]).toMatchObject([200, 0, sent]);
  }
});

test("a file can only be read", async () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const answer = await get("/plain.js", {}, method);
    expect([answer.status, answer.headers.allow]).toEqual([405, "GET, HEAD"]);
  }
});

test.each([
  "/../service.ts",
  "/..%2fservice.ts",
  "/%2e%2e/service.ts",
  "/assets/../../service.ts",
  "/assets/..%5c..%5cservice.ts",
  "//etc/passwd",
  "/%00",
  "/.env",
  "/.git/config",
  "/link.txt",
  "/assets/../../secret-1a2b3c4d.js",
  "/..%2fsecret-1a2b3c4d.js",
  "/%zz",
])("nothing outside the folder and nothing hidden is served: %s", async (path) => {
  using connection = raw(hosted.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  await connection.closed;
  expect(connection.received()).toMatch(/^HTTP\/1.1 404 /);
  expect(connection.received()).not.toContain("SECRET");
});

test("a link inside the folder, and a name with odd letters, are served", async () => {
  expect((await get("/inside.js")).body.toString()).toBe(SCRIPT);
  expect((await get(`/${encodeURIComponent("with space & ü.txt")}`)).body.toString()).toBe("ü");
});

test("a page of another release finds its hashed files, from the newest release that has them", async () => {
  const old = await get("/assets/old-1a2b3c4d.js");
  expect([old.status, old.body.toString(), old.headers["cache-control"]]).toEqual([
    200,
    "second",
    "public, max-age=31536000, immutable",
  ]);
  // While a deploy runs, an instance of the old release is asked for files of the new one.
  expect((await get("/assets/new-9z8y7x6w.css")).body.toString()).toBe("a{}");
  expect((await get("/notes.txt")).status).toBe(404);
  expect((await get("/assets/gone-0a0b0c0d.js")).body.toString()).toBe("the app knows nothing");
});

test("a page that neither the files nor the app know is the fallback's; what is no page is the app's", async () => {
  const page = { accept: "text/html,application/xhtml+xml" };
  for (const path of ["/", "/profile/jane", "/hint", "/deep/er?x=1"]) {
    const answer = await get(path, page);
    expect([answer.status, answer.body.toString(), answer.headers["x-app"]]).toEqual([200, PAGE, undefined]);
    expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(answer.headers["cache-control"]).toBe("no-cache");
  }
  expect((await get("/about", page)).body.toString()).toBe("the app's page");
  const api = await get("/api/nothing", page);
  expect([api.status, api.body.toString(), api.headers["x-app"]]).toEqual([404, "the app knows nothing", "1"]);
  expect((await get("/profile/jane", { accept: "application/json" })).status).toBe(404);
  expect((await get("/profile/jane", page, "POST")).status).toBe(404);
});

test("a file never comes with a cookie", async () => {
  const answer = await get("/plain.js", { cookie: "ninefold_session=x" });
  expect(answer.headers["set-cookie"]).toBeUndefined();
});
