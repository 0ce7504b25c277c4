import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { NinefoldError } from "../../topology/problem.ts";

/** Where a request came from: as the connection shows it, or as a trusted balancer in front tells it. */
export interface Origin {
  /** IP address of the client. */
  readonly address: string;
  readonly scheme: "http" | "https";
  /** What the client asked for as the host, with its port if it gave one; empty if it gave none. */
  readonly host: string;
}

/** An entry of `http.trustedProxies` is neither an IP address nor a network such as `10.0.0.0/8`. */
export class BadProxyAddress extends NinefoldError {
  constructor(given: string) {
    const says = `"${given}" is neither an IP address nor a network such as 10.0.0.0/8`;
    super("bad-proxy-address", { at: "http.trustedProxies", says, fix: "Correct it" });
  }
}

/** Decides whose word counts on where a request came from. */
export interface Origins {
  /** Whether the peer of this connection is a balancer that we trust. */
  trusts(request: IncomingMessage): boolean;
  /** Whether the peer is on this machine, or trusted. */
  isNear(request: IncomingMessage): boolean;
  /** Takes out what only a trusted peer may say, unless one says it, so that nothing behind this believes a forgery. */
  strip(request: IncomingMessage): void;
  of(request: IncomingMessage): Origin;
}

/** @throws BadProxyAddress */
export function originsBehind(trustedProxies: readonly string[]): Origins {
  const trusted = listOf(trustedProxies);
  const near = listOf(["127.0.0.0/8", "::1", ...trustedProxies]);
  // Behind a balancer nearly all connections have the same peer, and a look into the list is slow.
  let asked: string | undefined;
  let answer = false;
  const trusts = ({ socket: { remoteAddress } }: IncomingMessage) => {
    if (trustedProxies.length === 0) return false;
    if (remoteAddress !== asked) [asked, answer] = [remoteAddress, has(trusted, remoteAddress)];
    return answer;
  };
  return {
    trusts,
    isNear: ({ socket }) => has(near, socket.remoteAddress),
    strip(request) {
      if (!trusts(request)) withoutForwarding(request);
    },
    of(request) {
      const { headers, socket } = request;
      const seen: Origin = {
        address: plain(socket.remoteAddress),
        scheme: "encrypted" in socket ? "https" : "http",
        host: headers.host ?? "",
      };
      if (!trusts(request)) return seen;
      const scheme = last(headers["x-forwarded-proto"]);
      return {
        address: clientOf(headers["x-forwarded-for"], trusted) ?? seen.address,
        scheme: scheme === "https" || scheme === "http" ? scheme : seen.scheme,
        host: last(headers["x-forwarded-host"]) ?? seen.host,
      };
    },
  };
}

/** Each hop adds the peer it saw at the end; the first from there that is no balancer of ours is the client. */
function clientOf(header: string | string[] | undefined, trusted: BlockList): string | undefined {
  const hops = listed(header).filter((hop) => isIP(hop) !== 0);
  return hops.findLast((hop) => !has(trusted, hop)) ?? hops[0];
}

function last(header: string | string[] | undefined): string | undefined {
  return listed(header).at(-1);
}

function listed(header: string | string[] | undefined): string[] {
  return String(header ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Node keeps headers twice: as they came, and by name. */
function withoutForwarding(request: IncomingMessage): void {
  const { rawHeaders } = request;
  let found = false;
  for (let i = 0; i < rawHeaders.length; i += 2) found ||= isForwarding(rawHeaders[i] as string);
  if (!found) return;
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (isForwarding(name)) delete request.headers[name.toLowerCase()];
    else kept.push(name, rawHeaders[i + 1] as string);
  }
  request.rawHeaders = kept;
}

/** `Forwarded` and `X-Forwarded-*`; looks at as few characters as it can, since every header of every request passes here. */
function isForwarding(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  if (first === 0x66) return name.length === 9 && name.toLowerCase() === "forwarded";
  return first === 0x78 && name.length > 11 && name.slice(0, 12).toLowerCase() === "x-forwarded-";
}

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix, ...more] = entry.split("/");
    const kind = isIP(address);
    const bits = prefix === undefined ? undefined : Number(prefix);
    const fits = bits === undefined || (Number.isInteger(bits) && bits >= 0 && bits <= (kind === 4 ? 32 : 128));
    if (kind === 0 || more.length > 0 || prefix === "" || !fits) throw new BadProxyAddress(entry);
    const family = kind === 4 ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, bits, family);
  }
  return list;
}

function has(list: BlockList, address: string | undefined): boolean {
  const bare = plain(address);
  const kind = isIP(bare);
  return kind !== 0 && list.check(bare, kind === 4 ? "ipv4" : "ipv6");
}

/** An IPv4 peer of a socket that takes both kinds shows as `::ffff:10.0.0.1`. */
function plain(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
