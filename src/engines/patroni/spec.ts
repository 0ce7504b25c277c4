/** How the members of a cluster follow their leader. */
export interface Replication {
  /** A commit is acknowledged when all standbys that stream have it on disk; only one of these is ever promoted. */
  readonly synchronous: boolean;
  /** Standbys, 0 to 4. With 0 the leader is alone: a crash is recovered from where it happened. */
  readonly nodes: number;
  /**
   * With `synchronous`: while no standby streams, no commit is acknowledged. Closes the window after a promotion; with
   * one standby it means that writes stop when that one dies.
   */
  readonly strict: boolean;
}

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
  /** true for a member that comes to a running cluster as a copy of its leader: it never founds one of its own. */
  readonly joins?: true;
  /** Without it the member is alone. The same for all members; changed by changeReplication(). */
  readonly replication?: Replication;
  /** How long a leader that is gone is waited for, in seconds, 5 to 60; 6 without it. Of no matter where nobody follows. */
  readonly ttlSeconds?: number;
  /** How long this member, while it is a standby, waits before it shows a commit, in milliseconds. For development. */
  readonly applyDelayMs?: number;
  /** Absolute path of the folder of the backups' instance; see ../pgbackrest. Without it the member can archive nothing. */
  readonly backups?: string;
  /** false gives up safety on power loss for speed; only for tests. */
  readonly durable?: false;
}
