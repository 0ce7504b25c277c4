import type { PostgresBinaries } from "./binaries.ts";

/** One PostgreSQL server. Everything in it may be shown; passwords are in the file that `secrets` names. */
export interface PostgresSpec {
  readonly binaries: PostgresBinaries;
  /** Names the socket (`.s.PGSQL.<port>`), and is the TCP port where `tcp` is given. 1 to 65535. */
  readonly port: number;
  /** Loopback address to listen on as well; without it the unix socket is the only way in. */
  readonly tcp?: string;
  /** Most connections at a time, those of superusers included. 10 to 10_000. */
  readonly maxConnections: number;
  /** Memory that the server may count on, in MiB; its caches are sized from it. At least 128. */
  readonly memoryMb: number;
  /** Database that the service uses, such as `conduit`. */
  readonly database: string;
  /** Absolute path of the passwords; see passwords.ts. */
  readonly secrets: string;
  /** false gives up safety on power loss for speed; only for tests. */
  readonly durable?: false;
}
