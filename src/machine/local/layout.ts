import { randomBytes } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MachineFolderUnusable } from "./problem.ts";
import { engineUser, SYSTEM_FOLDER } from "./user.ts";

/** Where the local machine keeps what belongs to one service folder. */
export interface Layout {
  /** The agent's own: its lock, its log and one record an instance. Mode 0700. */
  readonly agent: string;
  /** One folder an instance. */
  readonly instances: string;
  /** One folder an instance for unix sockets; short. */
  readonly sockets: string;
  readonly agentSocket: string;
}

/**
 * There from when an agent is asked for until the shutdown. Several may be started at once, and one of them may come up so
 * late that all is over: it must not stay, and not even make a folder.
 */
export function wantedFile(serviceFolder: string): string {
  return join(serviceFolder, ".ninefold", "agent", "wanted");
}

/**
 * Finds the folders of a service folder's machine, making those that are missing. What lies outside `.ninefold` is found
 * through links in it, so that the same folder finds the same things whoever asks and from whichever shell.
 * @throws MachineFolderUnusable
 */
export function layoutOf(serviceFolder: string): Layout {
  const root = join(serviceFolder, ".ninefold");
  const agent = join(root, "agent");
  try {
    mkdirSync(agent, { recursive: true, mode: 0o700 });
    const instances = instancesFolder(root, serviceFolder);
    const sockets = socketsFolder(root);
    mkdirSync(join(sockets, "agent"), { recursive: true, mode: 0o700 });
    return { agent, instances, sockets, agentSocket: join(sockets, "agent", "agent.sock") };
  } catch (cause) {
    if (cause instanceof MachineFolderUnusable) throw cause;
    throw new MachineFolderUnusable(
      {
        at: root,
        says: `cannot be used by this user: ${(cause as Error).message}`,
        fix: "Run Ninefold as the user that it ran as before",
      },
      { cause },
    );
  }
}

/** As root, engines run as another user, who may not be able to enter the service's folder: then it is outside. */
function instancesFolder(root: string, serviceFolder: string): string {
  const path = join(root, "instances");
  const found = target(path);
  if (found !== undefined) {
    mkdirSync(found, { recursive: true, mode: 0o755 });
    return ours(found);
  }
  if (engineUser() === undefined) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return ours(path);
  }
  mkdirSync(SYSTEM_FOLDER, { recursive: true, mode: 0o755 });
  const made = mkdtempSync(join(SYSTEM_FOLDER, "service-"));
  chmodSync(made, 0o755);
  writeFileSync(join(made, "belongs-to"), `${serviceFolder}\n`);
  const instances = join(made, "instances");
  mkdirSync(instances, { mode: 0o755 });
  return linked(path, instances);
}

/**
 * Not `$XDG_RUNTIME_DIR`: that folder is removed when the user signs out, and a service that was started with
 * `up -d` goes on.
 */
function socketsFolder(root: string): string {
  const path = join(root, "sockets");
  const mode = engineUser() === undefined ? 0o700 : 0o711;
  const make = (folder: string) => {
    mkdirSync(folder, { recursive: true, mode });
    chmodSync(ours(folder), mode);
    return folder;
  };
  const found = target(path);
  if (found !== undefined) return make(found);
  // Room for `/dc1.name.10@1000/.s.PGSQL.65535` within 103 bytes, the shortest limit of all systems.
  const base = tmpdir().length > 50 || engineUser() !== undefined ? "/tmp" : tmpdir();
  return linked(path, make(join(base, `ninefold-${randomBytes(6).toString("hex")}`)));
}

/** Removes what {@link layoutOf} made outside the service's folder. The next call of it makes new ones. */
export function removeOutside(serviceFolder: string): void {
  const root = join(serviceFolder, ".ninefold");
  for (const [link, folderOf] of [
    ["instances", dirname],
    ["sockets", (path: string) => path],
  ] as const) {
    const path = join(root, link);
    const found = target(path);
    if (found === undefined || found === path) continue;
    rmSync(folderOf(found), { recursive: true, force: true });
    rmSync(path);
  }
}

/** Makes a link; when somebody else was first, theirs counts. */
function linked(path: string, to: string): string {
  try {
    symlinkSync(to, path);
    return to;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    return readlinkSync(path);
  }
}

/** Where the path leads: to itself when it is a folder, undefined when there is nothing. */
function target(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.isSymbolicLink() ? readlinkSync(path) : path;
}

/** A folder of another user could be read or replaced by them. */
function ours(folder: string): string {
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === (process.getuid?.() ?? found.uid)) return folder;
  throw new MachineFolderUnusable({
    at: folder,
    says: "is not a folder of the user that runs Ninefold",
    fix: "Run Ninefold as the user that it ran as before",
  });
}
