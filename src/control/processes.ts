import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  /** Resident memory in bytes; pages that processes share are counted once for each. */
  readonly memoryBytes: number;
  /** Processor time in milliseconds. */
  readonly cpuMs: number;
}

const PAGE_BYTES = 4096;
/** Clock ticks of proc(5); 100 a second on every Linux that Node runs on. */
const TICK_MS = 10;

/** What processes use, each with the processes it started. Linux only: elsewhere nothing is known. */
export function usageOf(pids: readonly number[]): ReadonlyMap<number, Usage> {
  const all = process.platform === "linux" ? table() : [];
  const children = new Map<number, Row[]>();
  for (const row of all) children.set(row.parent, [...(children.get(row.parent) ?? []), row]);
  const sum = (row: Row): Usage =>
    (children.get(row.pid) ?? [])
      .map(sum)
      .reduce((a, b) => ({ memoryBytes: a.memoryBytes + b.memoryBytes, cpuMs: a.cpuMs + b.cpuMs }), {
        memoryBytes: row.memoryBytes,
        cpuMs: row.cpuMs,
      });
  return new Map(all.filter(({ pid }) => pids.includes(pid)).map((row) => [row.pid, sum(row)]));
}

interface Row extends Usage {
  readonly pid: number;
  readonly parent: number;
}

function table(): Row[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        // The name in parentheses may hold spaces; from the state on, fields are 3 and following of proc(5).
        const field = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        const number = (at: number) => Number(field[at - 3] ?? 0);
        const cpuMs = (number(14) + number(15)) * TICK_MS;
        return [{ pid: Number(name), parent: number(4), cpuMs, memoryBytes: number(24) * PAGE_BYTES }];
      } catch {
        return [];
      }
    });
}
