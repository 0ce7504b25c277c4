/**
 * Rung 3, two servers behind HAProxy as Ninefold runs them, beside two of the peer behind a HAProxy configured by hand, on
 * the same PostgreSQL under Patroni with the same data, in alternate runs.
 *
 * `node --conditions=ninefold-source bench/fleet.ts [--runs 5] [--seconds 10] [--connections 32] [--size 10000] [--json file]`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { freePort } from "../src/machine/free-port.ts";
import { compare, comparison } from "./compare.ts";
import { firstAnswer } from "./conduit-service.ts";
import { deployment } from "./deployment.ts";
import { startPeer } from "./peer-service.ts";

/** Connections to the database of each server of the peer; as many as ours has by default. */
const POOL = 10;

const asked = comparison();
const { runs, seconds, connections, size } = asked;
console.log(`node ${process.version}, ${runs} runs of ${seconds} s, ${connections} connections, ${size} articles`);
await using ours = await deployment();
const began = performance.now();
await ours.ninefold("up", "-d", "--rung", "3", "-p", String(ours.port));
console.log(`up --rung 3: ${Math.round(performance.now() - began)} ms (bar 15,000)`);
await ours.ninefold("seed", "--size", String(size));
const database = await ours.databaseUrl("ninefold_service");
await using first = await startPeer(database, await freePort(), POOL);
await using second = await startPeer(database, await freePort(), POOL);
await using byHand = await haproxy([first.url, second.url]);
await compare(
  [
    { name: "ours", url: ours.url },
    { name: "peer", url: byHand.url },
  ],
  asked,
  0.95,
);

/** What somebody writes who knows HAProxy: keep-alive on both sides, checks, forwarding headers. */
async function haproxy(servers: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-bench-"));
  const port = await freePort();
  const lines = servers.map((url, index) => `  server s${index} ${new URL(url).host} check inter 1s`);
  const configuration = `global
  maxconn 4000
defaults
  mode http
  option forwardfor
  option http-keep-alive
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
listen peer
  bind 127.0.0.1:${port}
  balance leastconn
  option httpchk GET /api/tags
${lines.join("\n")}
`;
  await writeFile(join(folder, "haproxy.cfg"), configuration);
  const child = spawn("haproxy", ["-f", join(folder, "haproxy.cfg")], { stdio: ["ignore", "ignore", "inherit"] });
  const stop = async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await rm(folder, { recursive: true });
  };
  const url = `http://127.0.0.1:${port}`;
  await firstAnswer(`${url}/api/tags`, 30_000).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url, [Symbol.asyncDispose]: stop };
}
