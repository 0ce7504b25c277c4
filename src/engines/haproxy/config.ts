import { createHash } from "node:crypto";
import type { Placed } from "../engine.ts";
import { backendSection } from "./backend.ts";
import { publicFrontend, redirectFrontend } from "./frontend.ts";
import { HELD, holdFrontend, holdLua } from "./hold.ts";
import { errorLines, errorPages } from "./pages.ts";
import { adminSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";

/** A client that sends or takes nothing for this long, while it should, is cut off. Milliseconds. */
const STALL_MS = 30_000;

/** All files of an instance but the certificate, by path inside its folder. */
export function haproxyFiles(instance: Placed<HaproxySpec>): ReadonlyMap<string, string> {
  return new Map([["haproxy.cfg", haproxyCfg(instance)], ["hold.lua", holdLua(instance.spec.holdMs)], ...errorPages()]);
}

/**
 * Names a configuration but for its servers, which come and go at run time. HAProxy tells its own (`show info`), so that
 * anybody can see whether it runs with the files as they are now.
 */
export function configurationId(instance: Placed<HaproxySpec>): string {
  const rest = [
    haproxyText({ ...instance, spec: { ...instance.spec, servers: [] } }, ""),
    holdLua(instance.spec.holdMs),
  ];
  const hash = createHash("sha256");
  for (const text of [...rest, ...errorPages().values()]) hash.update(text);
  return hash.digest("hex").slice(0, 16);
}

/** `haproxy.cfg`, complete: what is not in it has HAProxy 2.6's default. */
export function haproxyCfg(instance: Placed<HaproxySpec>): string {
  return haproxyText(instance, configurationId(instance));
}

function haproxyText(instance: Placed<HaproxySpec>, id: string): string {
  const { spec, folder } = instance;
  const { limits } = spec;
  const keepAlive =
    limits.keepAliveMs === 0 ? "option httpclose" : `timeout http-keep-alive ${limits.keepAliveMs + 1_000}ms`;
  return `# HAProxy 2.6, written by Ninefold. To run it by hand: haproxy -W -f haproxy.cfg, with the public socket as descriptor 3.
# Servers come and go through the admin socket; this file names those that are there after a restart.

global
    description ${id}
    maxconn ${limits.maxConnections + HELD}
    stats socket ${adminSocket(instance)} mode 600 level admin expose-fd listeners
    mworker-max-reloads 10                  # a former worker stays as long as a WebSocket of its needs it
    log stderr format raw daemon notice
    lua-load-per-thread ${folder}/hold.lua
    ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
    mode http
    log global
    option dontlog-normal
    log-format "%HM %HPO answered %ST after %Ta ms by %s, %tsc"
    backlog 4096
    maxconn ${limits.maxConnections}
    # A client that is slow is cut off; one that waits is not
    timeout http-request ${limits.headersTimeoutMs}ms
    timeout client ${STALL_MS}ms
    timeout client-fin 5s
    # Closed a second later than clients are told, so that none sends into a closing connection; at a stop, too
    ${keepAlive}
    option idle-close-on-response
    timeout connect 500ms
    timeout check 1s
    timeout queue 5s
    timeout server 5m
    timeout server-fin 5s
    timeout tunnel 1h                       # WebSockets that nothing moves on
${errorLines(folder)}

${publicFrontend(instance)}
${redirectFrontend(instance)}
${backendSection(instance)}
${holdFrontend(instance)}`;
}
