import type { InstanceName } from "../../topology/names.ts";

/** A server of the service, as the balancer reaches it. */
export interface BalancedServer {
  readonly name: InstanceName;
  /** IPv4 or IPv6 address; names are not looked up. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** One HAProxy. Everything in it may be shown; the private key is in the file that `tls.key` names. */
export interface HaproxySpec {
  /** Absolute path of HAProxy 2.6 or newer. */
  readonly binary: string;
  /** Name of the public socket that it inherits as descriptor 3. */
  readonly socket: string;
  /** The servers in the file: those that are there again after HAProxy was killed. */
  readonly servers: readonly BalancedServer[];
  /** Address from which it reaches the servers, so that they can tell it from others; without it the system chooses. */
  readonly source?: string;
  readonly limits: BalancerLimits;
  /** Longest wait in milliseconds of a request that meets no server at all, before 503. 0 to 60_000. */
  readonly holdMs: number;
  /** Longest time in milliseconds that open requests may take to end when HAProxy stops or a server leaves. */
  readonly drainMs: number;
  /** Client addresses (`10.0.0.0/8`) to which the rate limit does not apply, such as a load generator's. */
  readonly unlimitedClients?: readonly string[];
  /** Addresses of balancers in front, which start every connection with a PROXY header. Others may not send one. */
  readonly trustedProxies: readonly string[];
  /** Answers TLS (HTTP/2 and 1.1) instead of plain HTTP. Absolute paths of PEM files; see {@link writeCertificate}. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** With `tls`: also answers plain HTTP at this address and sends clients to `https`, port `to`. */
  readonly redirect?: { readonly address: string; readonly port: number; readonly to: number };
}

export interface BalancerLimits {
  /** Most requests of one client in ten seconds; beyond it, 429. An IPv6 client is a /64. */
  readonly requestsPerClient: number;
  /** Most connections of clients at a time; further ones wait to be accepted. */
  readonly maxConnections: number;
  /** Most requests that a server gets at a time; further ones wait here, and beyond as many waiting, 503 at once. */
  readonly maxInFlight: number;
  /** Longest request body in bytes; a longer one is answered 413. */
  readonly maxBodyBytes: number;
  /** Longest time in milliseconds for a client to send its headers, and for the rest of a request. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Idle time in milliseconds after which a client's connection is closed, as clients are told; 0 keeps none. */
  readonly keepAliveMs: number;
}
