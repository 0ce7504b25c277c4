import { readFileSync } from "node:fs";
import { NinefoldError } from "../../topology/problem.ts";

/** Where programs and data of engines live when Ninefold runs as root: a folder that the engines' user can enter. */
export const SYSTEM_FOLDER = "/var/lib/ninefold";

/** An unprivileged system user that engines run as when Ninefold itself runs as root. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Ninefold runs as root, but the system has neither a user `postgres` nor `nobody` to run engines as. */
export class NoEngineUser extends NinefoldError {
  constructor() {
    super("no-engine-user", {
      at: "/etc/passwd",
      says: "Ninefold runs as root, PostgreSQL refuses to, and there is neither a user `postgres` nor `nobody`",
      fix: "Create one (`useradd --system postgres`) or start Ninefold as an ordinary user",
    });
  }
}

/**
 * The user that engines run as: `postgres`, else `nobody`, when this process is root; undefined when it is not, since
 * engines then run as whoever runs Ninefold.
 * @param passwd contents of the user database, in the format of passwd(5)
 */
export function engineUser(
  uid = process.getuid?.(),
  passwd = () => readFileSync("/etc/passwd", "utf8"),
): SystemUser | undefined {
  if (uid !== 0) return undefined;
  const users = passwd()
    .split("\n")
    .map((line) => line.split(":"))
    .map(([name = "", , id, group]) => ({ name, uid: Number(id), gid: Number(group) }));
  const found = ["postgres", "nobody"].map((name) => users.find((user) => user.name === name && user.uid > 0));
  const user = found.find((candidate) => candidate !== undefined);
  if (user === undefined) throw new NoEngineUser();
  return user;
}
