import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { getSystemErrorName } from "node:util";
import type { Problem } from "../../topology/problem.ts";
import { holderOf } from "./port-holder.ts";
import { AddressRefused, PortInUse } from "./problem.ts";

/** A public socket that is open and queues connections, but accepts none: that is for the instances that inherit it. */
export interface PublicSocket {
  readonly host: string;
  readonly port: number;
  readonly fd: number;
  close(): void;
}

interface Handle {
  readonly fd: number;
  getsockname(out: { port?: number }): number;
  close(): void;
}

// Binds without listening. Node listens only together with accepting, and every connection that the agent accepted would be lost.
const bind = (net as unknown as { _createServerHandle(host: string, port: number, family: 4 | 6): Handle | number })
  ._createServerHandle;

// The socket begins to listen in a short-lived process, which ends before it could accept: listening is a property of the socket, not of the process.
const LISTEN = `const s = require("node:net").createServer().listen({ fd: 3, backlog: 4096 });
s.on("listening", () => process.exit(0)).on("error", (e) => { process.stderr.write(e.code); process.exit(1); });`;

/**
 * Opens a public socket.
 * @param host an IP address
 * @throws PortInUse, AddressRefused
 */
export async function openPublicSocket(name: string, host: string, port: number): Promise<PublicSocket> {
  const handle = bind(host, port, net.isIPv6(host) ? 6 : 4);
  if (typeof handle === "number") throw await refusal(name, host, port, handle);
  const bound: { port?: number } = {};
  const failed = handle.getsockname(bound);
  if (failed !== 0) {
    handle.close();
    throw await refusal(name, host, port, failed);
  }
  const child = spawn(process.execPath, ["-e", LISTEN], { stdio: ["ignore", "ignore", "pipe", handle.fd], env: {} });
  let error = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    error += chunk.toString();
  });
  const [code] = await once(child, "close");
  if (code !== 0) {
    handle.close();
    throw await refusal(name, host, port, error);
  }
  return { host, port: bound.port ?? port, fd: handle.fd, close: () => handle.close() };
}

async function refusal(name: string, host: string, port: number, failed: number | string): Promise<Error> {
  const code = typeof failed === "string" ? failed : getSystemErrorName(failed);
  const at = `public socket \`${name}\``;
  if (code === "EADDRINUSE") return new PortInUse(await portInUse(at, host, port));
  const fixes: Record<string, string> = {
    EACCES: "Choose a port from 1024 up, or allow this one (`sysctl net.ipv4.ip_unprivileged_port_start`)",
    EADDRNOTAVAIL: "Give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them",
  };
  return new AddressRefused({
    at,
    says: `cannot open ${host} port ${port} (${code})`,
    fix: fixes[code] ?? "Give another address",
  });
}

async function portInUse(at: string, host: string, port: number): Promise<Problem> {
  const holder = await holderOf(port);
  return {
    at,
    says: `port ${port} on ${host} is in use${holder === undefined ? "" : ` by ${holder}`}`,
    fix: `Stop that program, or choose another port, such as \`PORT=${port === 65_535 ? 8080 : port + 1}\``,
  };
}
