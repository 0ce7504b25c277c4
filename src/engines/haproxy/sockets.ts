import { join } from "node:path";
import type { Placed } from "../engine.ts";

type Sockets = Pick<Placed<unknown>, "sockets">;

/** Where commands are taken at run time (management guide 9.3). */
export function adminSocket({ sockets }: Sockets): string {
  return join(sockets, "admin.sock");
}

/** Where the master process takes commands, which is the way to workers of before a reload (9.4). */
export function masterSocket({ sockets }: Sockets): string {
  return join(sockets, "master.sock");
}

/** The way from the backend to the frontend in which requests wait for a server; see hold.ts. */
export function holdSocket({ sockets }: Sockets): string {
  return join(sockets, "hold.sock");
}
