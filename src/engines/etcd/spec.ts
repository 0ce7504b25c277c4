/** One member of an etcd cluster. Everything in it may be shown; passwords are in the file that `secrets` names. */
export interface EtcdSpec {
  /** Absolute path of the program `etcd`, 3.4 or above. */
  readonly program: string;
  /** Address of the member's host; it listens on this one only. */
  readonly address: string;
  /** TCP ports, 1 to 65535: for Patroni, and for the other members. */
  readonly clientPort: number;
  readonly peerPort: number;
  /**
   * The members that the cluster is founded with, this one included, each with the name of its instance. One that joins
   * later has only itself here.
   */
  readonly members: readonly { readonly name: string; readonly address: string; readonly peerPort: number }[];
  /** true for a member that comes to a running cluster, by addEtcdMember: it never founds one of its own. */
  readonly joins?: true;
  /** Tells clusters apart, so that members of two never join; any text that stays the same. */
  readonly token: string;
  /** Absolute path of the passwords; see passwords.ts. */
  readonly secrets: string;
}
