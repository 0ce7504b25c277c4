import { readFileSync } from "node:fs";

interface Answered {
  readonly intendedMs: number;
  readonly finishedMs: number;
}

/**
 * From a check's journal: the 99th percentile, in milliseconds from the intended time of sending, of the operations that were
 * answered and were not under way in the longest time in which none was.
 */
export function p99ApartFromPause(journal: string): number {
  const answered = answeredIn(journal);
  const ends = answered.map(({ finishedMs }) => finishedMs).sort((a, b) => a - b);
  let [from, to] = [0, 0];
  ends.slice(1).forEach((end, i) => {
    const before = ends[i] ?? end;
    if (end - before > to - from) [from, to] = [before, end];
  });
  const others = answered.filter(({ intendedMs, finishedMs }) => finishedMs <= from || intendedMs >= to);
  const times = others.map(({ intendedMs, finishedMs }) => finishedMs - intendedMs).sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? 0;
}

function answeredIn(journal: string): Answered[] {
  const intended = new Map<number, number>();
  const answered: Answered[] = [];
  for (const line of readFileSync(journal, "utf8").trimEnd().split("\n")) {
    const { op, intendedMs, finishedMs, outcome } = JSON.parse(line);
    if (intendedMs !== undefined) intended.set(op, intendedMs);
    else if (outcome === "ok") answered.push({ intendedMs: intended.get(op) ?? finishedMs, finishedMs });
  }
  return answered;
}
