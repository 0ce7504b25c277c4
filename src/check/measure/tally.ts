import { KINDS, type Kind, type Outcome } from "../operation.ts";
import { createHistogram, type Histogram } from "./histogram.ts";
import { createPauses, type Pauses } from "./pauses.ts";

export interface KindFigures {
  readonly requests: number;
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  /** Milliseconds from the intended time of sending to the answer, of operations that succeeded. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Milliseconds; see {@link Pauses}. */
  readonly longestPause: number;
}

/** Counts and times operations by kind. */
export interface Tally {
  due(kind: Kind, ms: number): void;
  ended(kind: Kind, outcome: Outcome, intendedMs: number, finishedMs: number): void;
  figures(nowMs: number): Record<Kind, KindFigures>;
  /** Of all kinds together. */
  quantile(share: number): number;
}

interface Row {
  readonly latency: Histogram;
  readonly pauses: Pauses;
  readonly counts: Record<Outcome, number>;
  requests: number;
}

export function createTally(): Tally {
  const all = createHistogram();
  const row = (): Row => ({
    latency: createHistogram(),
    pauses: createPauses(),
    counts: { ok: 0, failed: 0, unknown: 0 },
    requests: 0,
  });
  const rows: Record<Kind, Row> = { read: row(), write: row(), delete: row() };
  return {
    due(kind, ms) {
      rows[kind].requests++;
      rows[kind].pauses.due(ms);
    },
    ended(kind, outcome, intendedMs, finishedMs) {
      const { latency, pauses, counts } = rows[kind];
      counts[outcome]++;
      pauses.ended(finishedMs, outcome === "ok");
      if (outcome !== "ok") return;
      latency.add(finishedMs - intendedMs);
      all.add(finishedMs - intendedMs);
    },
    figures(nowMs) {
      const figures = KINDS.map((kind) => {
        const { latency, pauses, counts, requests } = rows[kind];
        return [
          kind,
          {
            requests,
            ...counts,
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
            p999: latency.quantile(0.999),
            max: latency.max,
            longestPause: pauses.longest(nowMs),
          },
        ] as const;
      });
      return Object.fromEntries(figures) as Record<Kind, KindFigures>;
    },
    quantile: (share) => all.quantile(share),
  };
}
