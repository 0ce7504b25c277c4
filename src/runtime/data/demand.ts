/** What a burst may need beyond that at once. */
const SPARE = 2;
const SAMPLE_MS = 1_000;
/** Samples that count. */
const SAMPLES = 60;

/**
 * How many of `limit` connections are needed, from how many were busy at moments of the last minute. At random moments: the most that
 * ever were busy at once only tells of the last hiccup.
 */
export class Demand {
  readonly #limit: number;
  readonly #timer: NodeJS.Timeout;
  readonly #samples: number[] = [];

  /** @param busy how many have work under way now */
  constructor(limit: number, busy: () => number) {
    this.#limit = limit;
    this.#timer = setInterval(() => {
      this.#samples.push(busy());
      if (this.#samples.length > SAMPLES) this.#samples.shift();
    }, SAMPLE_MS).unref();
  }

  get needed(): number {
    return Math.min(this.#limit, Math.max(0, ...this.#samples) + SPARE);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
