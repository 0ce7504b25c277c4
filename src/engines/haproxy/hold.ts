import type { Placed } from "../engine.ts";
import { READS_ACCEPT } from "./pages.ts";
import { BACKEND } from "./server.ts";
import { holdSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";

/** Most requests that wait at a time for a server to come. */
export const HELD = 1_000;

/**
 * The way of requests that meet no server at all: they come here as to a server of last resort, wait until there is one,
 * and go back to the backend.
 */
export function holdFrontend(instance: Placed<HaproxySpec>): string {
  return `frontend hold
    bind unix@${holdSocket(instance)} mode 600
    maxconn ${HELD}
    ${READS_ACCEPT}
    http-request lua.hold
    http-request deny deny_status 503 unless { var(txn.found) -m bool }
    default_backend ${BACKEND}
`;
}

/** The Lua action of {@link holdFrontend}: HAProxy itself fails a request at once when no server is up. */
export function holdLua(holdMs: number): string {
  return `-- Waits until a server is up, at most ${holdMs} ms. Sets txn.found if there is one.
local STEP = 20

local function up()
  return core.proxies["${BACKEND}"]:get_stats()["act"] > 0
end

core.register_action("hold", { "http-req" }, function(txn)
  local waited = 0
  while not up() do
    if waited >= ${holdMs} then return end
    core.msleep(STEP)
    waited = waited + STEP
  end
  txn:set_var("txn.found", true)
end, 0)
`;
}
