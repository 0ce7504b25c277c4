/** One member of a PostgreSQL cluster under Patroni. Everything in it may be shown; passwords are in files. */
export interface PatroniSpec {
  /** Address of the member's host; PostgreSQL and the REST API listen on this one only. */
  readonly address: string;
  /** TCP ports of PostgreSQL and of Patroni's REST API, 1 to 65535. */
  readonly port: number;
  readonly restPort: number;
  /** Name of the cluster, the same for all members: letters, digits, `-`. */
  readonly scope: string;
  /** Client addresses of etcd's members. */
  readonly etcd: readonly { readonly address: string; readonly port: number }[];
  /** See systemPostgres() in packages.ts: PostgreSQL's programs, its major version, and the program `patroni`. */
  readonly binaries: { readonly folder: string; readonly version: number; readonly patroni: string };
  /** Most connections at a time, those of superusers included. 25 to 10_000; less is taken for 25. */
  readonly maxConnections: number;
  /** Memory that the server may count on, in MiB; its caches are sized from it. At least 128. */
  readonly memoryMb: number;
  /** Database that the service uses, such as `conduit`. */
  readonly database: string;
  /** Absolute path of the database's passwords; see postgres/passwords.ts. */
  readonly secrets: string;
  /** Absolute path of the passwords of Patroni's own users; see passwords.ts. */
  readonly patroniSecrets: string;
  /** Absolute path of etcd's passwords; see etcd/passwords.ts. */
  readonly etcdSecrets: string;
  /** false gives up safety on power loss for speed; only for tests. */
  readonly durable?: false;
}
