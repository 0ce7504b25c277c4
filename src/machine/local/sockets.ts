import { closeSync, fstatSync } from "node:fs";
import { AgentFailed, PortInUse } from "./problem.ts";
import { openPublicSocket, type PublicSocket } from "./public-socket.ts";
import { readSockets, writeSockets } from "./record.ts";
import { SOCKETS_VARIABLE } from "./spawn.ts";

/** The public sockets that the agent holds, by name. */
export interface PublicSockets {
  /** Opens a socket and keeps it; nothing when it is open already. @throws PortInUse, AddressRefused */
  open(name: string, host: string, port: number): Promise<PublicSocket>;
  close(name: string): void;
  /** Descriptor of an open socket. @throws AgentFailed when it is not open */
  fd(name: string): number;
  list(): Record<string, { host: string; port: number }>;
  /** Opens again what was open before and was not inherited. Says which could not be. */
  reopen(): Promise<readonly { name: string; cause: Error }[]>;
}

/** Descriptors of public sockets that this process was given, by name; only those that really are sockets. */
export function inheritedSockets(environment: NodeJS.ProcessEnv = process.env): ReadonlyMap<string, number> {
  const text = environment[SOCKETS_VARIABLE];
  if (text === undefined) return new Map();
  const entries = Object.entries(JSON.parse(text) as Record<string, number>);
  return new Map(entries.filter(([, fd]) => isSocket(fd)));
}

/** @param folder where the list of open sockets is kept, for the next agent */
export function publicSockets(folder: string, inherited: ReadonlyMap<string, number>): PublicSockets {
  const records = readSockets(folder);
  const open = new Map<string, PublicSocket>();
  for (const [name, fd] of inherited) {
    const known = records[name];
    if (known === undefined)
      closeSync(fd); // not wanted any more: it would keep the port from everyone
    else open.set(name, { ...known, fd, close: () => closeSync(fd) });
  }
  return {
    open: async (name, host, port) => {
      const before = open.get(name);
      if (before !== undefined) {
        if (before.host === host && (before.port === port || port === 0)) return before;
        throw new PortInUse({
          at: `public socket \`${name}\``,
          says: `is open already, on ${before.host} port ${before.port}`,
          fix: "Close it first",
        });
      }
      const made = await openPublicSocket(name, host, port);
      open.set(name, made);
      records[name] = { host, port: made.port };
      writeSockets(folder, records);
      return made;
    },
    close: (name) => {
      open.get(name)?.close();
      open.delete(name);
      delete records[name];
      writeSockets(folder, records);
    },
    fd: (name) => {
      const found = open.get(name);
      if (found !== undefined) return found.fd;
      throw new AgentFailed({ at: `public socket \`${name}\``, says: "is not open", fix: "Open it first" });
    },
    list: () => ({ ...records }),
    reopen: async () => {
      const failed: { name: string; cause: Error }[] = [];
      for (const [name, { host, port }] of Object.entries(records)) {
        if (open.has(name)) continue;
        await openPublicSocket(name, host, port).then(
          (made) => open.set(name, made),
          (cause: Error) => failed.push({ name, cause }),
        );
      }
      return failed;
    },
  };
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}
