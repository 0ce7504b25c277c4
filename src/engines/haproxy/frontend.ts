import type { Placed } from "../engine.ts";
import { certificateFile } from "./certificate.ts";
import { PAGE_TYPE, READS_ACCEPT } from "./pages.ts";
import { BACKEND } from "./server.ts";
import type { HaproxySpec } from "./spec.ts";

/** Headers by which a client could claim to be another, or that it came by another way. */
const FORGED =
  "^(forwarded|x-forwarded.*|x-original-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-connecting-ip|fastly-client-ip|via|proxy)$";

/** The same as the runtime takes; see runtime/http/request-id.ts. */
const REQUEST_ID = "^[A-Za-z0-9._~:@+/=-]{1,128}$";

/** HSTS is kept by browsers for a whole host, all its ports: on these it would break whatever else runs there. */
const NO_HSTS = "^(.*\\.)?localhost$|^[0-9.]+$|^\\[";

/** What the world reaches: limits, headers, and then the servers. */
export function publicFrontend({ spec, folder }: Placed<HaproxySpec>): string {
  const { limits, tls } = spec;
  const limited = spec.unlimitedClients?.length ? ` unless { src ${spec.unlimitedClients.join(" ")} }` : "";
  return `frontend public
    bind fd@3${tls === undefined ? "" : ` ssl crt ${certificateFile(folder)} alpn h2,http/1.1`}
${
  spec.trustedProxies.length === 0
    ? ""
    : `    tcp-request connection expect-proxy layer4 if { src ${spec.trustedProxies.join(" ")} }\n`
}    ${READS_ACCEPT}
    http-request set-header X-Request-Id %[uuid()] unless { req.hdr_cnt(x-request-id) eq 1 } { req.hdr(x-request-id) -m reg ${REQUEST_ID} }
    http-request set-var(txn.id) req.hdr(x-request-id)
    http-request deny deny_status 404 if { path,url_dec -m beg /.ninefold/ }

    # Limits: of one client, of a body, of what waits for a server
    stick-table type ipv6 size 100k expire 10s store http_req_rate(10s)
    http-request track-sc0 src,ipmask(32,64)${limited}
    http-request set-log-level silent if { sc0_http_req_rate gt ${limits.requestsPerClient} }
    http-request deny deny_status 429 if { sc0_http_req_rate gt ${limits.requestsPerClient} }
    http-request deny deny_status 413 if { req.hdr_val(content-length) gt ${limits.maxBodyBytes} }
    http-request deny deny_status 503 if { queue(${BACKEND}) gt ${limits.maxInFlight} }

    # Nobody but us says where a request came from
    http-request del-header ${FORGED} -m reg
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto ${tls === undefined ? "http" : "https"}
    http-request set-header X-Forwarded-Host %[req.hdr(host)] if { req.hdr(host) -m found }
    http-request set-header Forwarded 'for="%[src,regsub("(.*:.*)","[\\1]")]";proto=${tls === undefined ? "http" : "https"}'
${tls === undefined ? "" : `    http-request set-var(txn.hsts) bool(true) unless { req.hdr(host),host_only,lower -m reg ${NO_HSTS} }\n`}
    # A server is not kept busy by a client that sends slowly
    http-request wait-for-body time ${limits.requestTimeoutMs}ms if { req.hdr_val(content-length) gt 0 } or { req.hdr(transfer-encoding) -m found }
    default_backend ${BACKEND}

    http-response del-header ^(server|x-powered-by|via|${PAGE_TYPE.toLowerCase()})$ -m reg
    http-after-response set-header Content-Type %[res.hdr(${PAGE_TYPE})] if { res.hdr(${PAGE_TYPE}) -m found }
    http-after-response del-header ${PAGE_TYPE}
    http-after-response set-header X-Request-Id %[var(txn.id)] unless { res.hdr(x-request-id) -m found }
    http-after-response set-header X-Content-Type-Options nosniff unless { res.hdr(x-content-type-options) -m found }
    http-after-response set-header X-Frame-Options SAMEORIGIN unless { res.hdr(x-frame-options) -m found }
    http-after-response set-header Referrer-Policy strict-origin-when-cross-origin unless { res.hdr(referrer-policy) -m found }
${hopHeaders(spec)}`;
}

/** With TLS at the public port: plain HTTP beside it, which only sends clients there. */
export function redirectFrontend({ spec }: Placed<HaproxySpec>): string {
  if (spec.redirect === undefined || spec.tls === undefined) return "";
  const { address, port, to } = spec.redirect;
  return `frontend redirect
    bind ${address.includes(":") ? `ipv6@${address}` : address}:${port}
    ${READS_ACCEPT}
    http-request deny deny_status 400 unless { req.hdr(host) -m found }
    http-request redirect code 308 location https://%[req.hdr(host),host_only]${to === 443 ? "" : `:${to}`}%[pathq]
`;
}

function hopHeaders({ limits, tls }: HaproxySpec): string {
  const lines = [];
  if (limits.keepAliveMs >= 1_000) {
    lines.push(`http-after-response set-header Keep-Alive timeout=${Math.floor(limits.keepAliveMs / 1_000)}`);
  }
  if (tls !== undefined) {
    lines.push(
      "http-after-response set-header Strict-Transport-Security max-age=31536000 if { var(txn.hsts) -m bool } !{ res.hdr(strict-transport-security) -m found }",
    );
  }
  return lines.map((line) => `    ${line}\n`).join("");
}
