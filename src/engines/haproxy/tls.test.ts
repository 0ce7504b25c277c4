import { readFileSync, statSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import { request } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../machine/free-port.ts";
import { type LocalCertificate, localCertificate } from "./authority.ts";
import { writeCertificate } from "./certificate.ts";
import { BadCertificate } from "./problem.ts";
import { startTestBalancer, type TestBalancer, type TestServer, testServer } from "./testing.ts";

let system: TestBalancer;
let server: TestServer;
let files: LocalCertificate;
let folder: string;
const plain = await freePort();

beforeAll(async () => {
  server = await testServer("dc1.app.1@1");
  let tls = { certificate: "", key: "" };
  system = await startTestBalancer({ servers: [server] }, async (machine, placed) => {
    folder = join(machine.folder, "tls");
    files = await localCertificate(folder, ["localhost", "shop.test", "127.0.0.1"]);
    tls = { certificate: files.certificate, key: files.key };
    const redirect = { address: "127.0.0.1", port: plain, to: 8443 };
    Object.assign(placed.spec, { tls, redirect });
    await writeCertificate(machine.machine, placed);
  });
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test("answers TLS by a certificate of the local authority, with HTTP/2, and tells the server so", async () => {
  const answer = await get("shop.test");
  expect(answer).toMatchObject({ status: 200, authorized: true });
  expect(answer.headers["strict-transport-security"]).toBe("max-age=31536000");
  expect(server.seen.at(-1)!.headers["x-forwarded-proto"]).toBe("https");
  const session = http2.connect(`https://localhost:${system.port}`, { ca: readFileSync(files.authority) });
  const stream = session.request({ ":path": "/h2" });
  const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
  expect(status).toBe(200);
  expect(session.alpnProtocol).toBe("h2");
  session.destroy();
});

test("does not bind browsers to TLS on localhost, which other programs share", async () => {
  expect((await get("localhost")).headers["strict-transport-security"]).toBeUndefined();
});

test("refuses TLS 1.1", async () => {
  const socket = connect({ port: system.port, host: "127.0.0.1", minVersion: "TLSv1.1", maxVersion: "TLSv1.1" });
  const code = await new Promise((resolve) =>
    socket.on("error", (cause: NodeJS.ErrnoException) => resolve(cause.code)),
  );
  expect(code).toMatch(/PROTOCOL|ALERT|NO_|ECONNRESET/);
});

test("plain HTTP is sent to https, with its path", async () => {
  const answer = await fetch(`http://127.0.0.1:${plain}/a/b?c=d`, { redirect: "manual" });
  expect(answer.status).toBe(308);
  expect(answer.headers.get("location")).toBe("https://127.0.0.1:8443/a/b?c=d");
});

test("the certificate stays while it serves, and a new one is used without a reload", async () => {
  const first = (await get("localhost")).fingerprint;
  await localCertificate(folder, ["127.0.0.1", "localhost", "shop.test"]);
  expect(await system.change({})).toMatchObject({ said: "changed" });
  expect((await get("localhost")).fingerprint).toBe(first);
  const pid = await system.pid();
  await localCertificate(folder, ["localhost", "shop.test", "other.test"]);
  await writeCertificate(system.machine.machine, system.placed);
  expect(await system.change({})).toMatchObject({ said: "changed" });
  const second = await get("other.test");
  expect(second).toMatchObject({ status: 200, authorized: true });
  expect(second.fingerprint).not.toBe(first);
  expect(await system.pid()).toBe(pid);
});

test("keys are for their owner's eyes, and what does not fit is refused before anything changes", async () => {
  expect(statSync(files.key).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "authority.key")).mode & 0o777).toBe(0o600);
  expect(statSync(join(system.placed.folder, "certificate.pem")).mode & 0o777).toBe(0o600);
  await expect(localCertificate(folder, ["not a name"])).rejects.toThrow(BadCertificate);
  const other = join(folder, "other.key");
  writeFileSync(other, readFileSync(join(folder, "authority.key")));
  const spec = { ...system.placed.spec, tls: { certificate: files.certificate, key: other } };
  await expect(writeCertificate(system.machine.machine, { ...system.placed, spec })).rejects.toThrow(BadCertificate);
});

function get(host: string) {
  return new Promise<{
    status: number | undefined;
    headers: NodeJS.Dict<string | string[]>;
    authorized: boolean;
    fingerprint: string;
  }>((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: system.port,
        servername: host,
        headers: { host },
        ca: readFileSync(files.authority),
        agent: false,
      },
      (response) => {
        const socket = response.socket as import("node:tls").TLSSocket;
        const { fingerprint } = socket.getPeerCertificate();
        response.resume();
        resolve({ status: response.statusCode, headers: response.headers, authorized: socket.authorized, fingerprint });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}
