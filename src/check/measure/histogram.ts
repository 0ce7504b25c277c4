/** Latencies with a relative error under 1.6 %, in constant memory. */
export interface Histogram {
  /** Adds a latency in milliseconds; negative counts as 0. */
  add(ms: number): void;
  /** The latency that this share (0 to 1) of all stays under or at, in milliseconds; 0 while empty. */
  quantile(share: number): number;
  readonly count: number;
  readonly max: number;
}

const STEPS = 64;

/** Buckets are linear below 64 µs, then 64 for each power of two. */
export function createHistogram(): Histogram {
  const buckets = new Float64Array(STEPS * 34);
  let count = 0;
  let max = 0;
  return {
    add(ms) {
      const us = Math.max(0, Math.round(ms * 1000));
      buckets[bucketOf(us)] = (buckets[bucketOf(us)] ?? 0) + 1;
      count++;
      if (ms > max) max = ms;
    },
    quantile(share) {
      if (count === 0) return 0;
      let left = Math.max(1, Math.ceil(count * share));
      for (let i = 0; i < buckets.length; i++) {
        left -= buckets[i] ?? 0;
        if (left <= 0) return Math.min(max, upperBound(i) / 1000);
      }
      return max;
    },
    get count() {
      return count;
    },
    get max() {
      return max;
    },
  };
}

function bucketOf(us: number): number {
  if (us < STEPS) return us;
  const power = Math.floor(Math.log2(us)) - 6;
  return Math.min(STEPS * 34 - 1, STEPS * (power + 1) + (Math.floor(us / 2 ** power) - STEPS));
}

function upperBound(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const power = Math.floor(bucket / STEPS) - 1;
  return ((bucket % STEPS) + STEPS + 1) * 2 ** power - 1;
}
