import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { InstanceName } from "../../topology/names.ts";
import type { Command } from "../machine.ts";
import { writeAtomically } from "./files.ts";
import { ProcessIdentity } from "./identity.ts";

export const CommandSchema: z.ZodType<Command> = z.object({
  file: z.string().min(1),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  cwd: z.string().min(1),
  user: z.enum(["self", "engine"]),
  behind: z.literal(true).exactOptional(),
  socket: z.string().min(1).exactOptional(),
  stop: z.object({
    signal: z.custom<NodeJS.Signals>((s) => /^SIG[A-Z0-9]+$/.test(String(s))),
    withinMs: z.int().min(0),
  }),
});

/** What the agent keeps on disk of one instance, so that the next agent goes on where it was killed. */
export const InstanceRecord = z.object({
  version: z.literal(1),
  /** Place in the order of first starts. A restart of everything goes by it, a shutdown backwards. */
  order: z.int().min(1),
  name: InstanceName,
  command: CommandSchema,
  /** `ended`: a stop was asked for, and is finished by the next agent if this one does not live to. */
  wanted: z.enum(["running", "ended"]),
  /** Written before the process gets leave to begin, so there is never one that is not in a record. */
  process: ProcessIdentity.optional(),
  startedAt: z.int().optional(),
  restarts: z.int().min(0),
  lastEnd: z.string().optional(),
});
export type InstanceRecord = z.infer<typeof InstanceRecord>;

/** Public sockets that were asked for, by name. */
export const SocketRecords = z.record(z.string(), z.object({ host: z.string(), port: z.int().min(0).max(65_535) }));
export type SocketRecords = z.infer<typeof SocketRecords>;

/** Records of a folder, in the order of their instances. One that cannot be read is an error: to pass over it would orphan a process. */
export function readRecords(folder: string): InstanceRecord[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".instance.json"))
    .map((file) => InstanceRecord.parse(JSON.parse(readFileSync(join(folder, file), "utf8"))))
    .sort((a, b) => a.order - b.order);
}

export function writeRecord(folder: string, record: InstanceRecord): void {
  writeAtomically(recordPath(folder, record.name), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

export function removeRecord(folder: string, name: InstanceName): void {
  rmSync(recordPath(folder, name), { force: true });
}

export function readSockets(folder: string): SocketRecords {
  try {
    return SocketRecords.parse(JSON.parse(readFileSync(join(folder, "sockets.json"), "utf8")));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw cause;
  }
}

export function writeSockets(folder: string, sockets: SocketRecords): void {
  writeAtomically(join(folder, "sockets.json"), `${JSON.stringify(sockets, null, 2)}\n`, { mode: 0o600 });
}

function recordPath(folder: string, name: InstanceName): string {
  return join(folder, `${name}.instance.json`);
}
