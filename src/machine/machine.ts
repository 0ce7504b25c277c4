import type { InstanceName } from "../topology/names.ts";

/** How one instance is started, in the foreground. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Working directory, absolute. */
  readonly cwd: string;
  /** `engine`: an unprivileged system user when Ninefold runs as root (PostgreSQL refuses root). `self`: whoever runs Ninefold. */
  readonly user: "self" | "engine";
  /** It has time: everything else of the machine goes before it, where both want a processor. */
  readonly behind?: true;
  /** Name of a public socket that the instance inherits as file descriptor 3. */
  readonly socket?: string;
  /** The signal that asks the instance to end in good order, and how long it may take before SIGKILL, in milliseconds. */
  readonly stop: { readonly signal: NodeJS.Signals; readonly withinMs: number };
}

/** What the machine knows of an instance; it never infers health from the process being there. */
export interface InstanceState {
  readonly name: InstanceName;
  readonly command: Command;
  readonly state: "running" | "restarting" | "stopping";
  readonly pid: number | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number | undefined;
  /** Unasked ends since the instance was started, and how the last one came about (`SIGKILL`, `exit 1`). */
  readonly restarts: number;
  readonly lastEnd: string | undefined;
}

/** Where instances run. Engines know only this. `local` runs child processes on loopback addresses. */
export interface Machine {
  /** Absolute folder of an instance: its configuration, log and (for engines) data. */
  folder(name: InstanceName): string;
  /** A short private folder for unix sockets (their paths are limited to 107 bytes). */
  sockets(name: InstanceName): string;
  /** Writes files by path inside the instance's folder, atomically, mode 0600. */
  write(name: InstanceName, files: ReadonlyMap<string, string>, user: Command["user"]): Promise<void>;
  /** Starts the instance, or does nothing if it already runs this same command. It is restarted when it ends unasked. */
  start(name: InstanceName, command: Command): Promise<void>;
  /** Asks the instance to end, waits, and forgets it. Safe when it is not there. */
  stop(name: InstanceName): Promise<void>;
  /** Runs a command to its end. Output goes to the instance's log as well. Once the signal is aborted the command is killed. */
  run(
    name: InstanceName,
    command: Command,
    within: { ms: number; signal?: AbortSignal },
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  /**
   * Removes the instance's folder with all its data. Only after `stop`.
   * @param how.atOnce where nobody serves who would feel that much of the disk is freed: otherwise 1 GB takes 1.5 s
   */
  destroy(name: InstanceName, how?: { readonly atOnce: boolean }): Promise<void>;
  list(): Promise<readonly InstanceState[]>;
  /** Opens a public socket that instances inherit; does nothing if it is open. Throws PortInUse when another program holds the port. */
  openSocket(socket: { name: string; host: string; port: number }): Promise<void>;
  closeSocket(name: string): Promise<void>;
}
