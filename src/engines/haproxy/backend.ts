import type { Placed } from "../engine.ts";
import { HELD } from "./hold.ts";
import { BACKEND, READY_PATH, serverLine } from "./server.ts";
import { holdSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";

/** The servers of the service: how they are chosen, checked, and when a request is tried again. */
export function backendSection(instance: Placed<HaproxySpec>): string {
  const { servers } = instance.spec;
  return `backend ${BACKEND}
    # The less busy of two at random: a new server is not flooded, and several balancers do not run after the same one
    balance random(2)
    http-reuse always

    option httpchk
    http-check send meth GET uri ${READY_PATH} hdr Host localhost
    http-check expect status 200

    # A request that reached nobody is tried again with another server; one that may have been worked on, only if it changes nothing
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method GET HEAD OPTIONS }

${servers.map((server) => `    server ${serverLine(server, instance.spec)}`).join("\n")}
    server hold unix@${holdSocket(instance)} backup maxconn ${HELD}
`;
}
