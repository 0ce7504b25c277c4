import { join } from "node:path";

/**
 * The unix socket of an instance of the service, inside its folder for sockets ({@link Machine.sockets}). Over it the
 * engine asks for health, and a new agent for a copy of the public socket.
 */
export function privateSocket(sockets: string): string {
  return join(sockets, "private.sock");
}
