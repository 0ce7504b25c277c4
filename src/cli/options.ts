import { InvalidArgumentError } from "commander";
import { RUNGS, type Rung } from "../topology/rung.ts";

/** Parser of a whole number within a range, for commander's options. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (text.trim() === "" || !Number.isInteger(n) || n < min || n > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return n;
  };
}

/** Parser of the number of a rung. */
export function rung(text: string): Rung {
  const found = RUNGS.find((one) => String(one) === text.trim());
  if (found === undefined) throw new InvalidArgumentError("A rung is a number from 1 to 9.");
  return found;
}

/** What `scale` can change, with the least and the most of it. */
const SCALED = { app: [1, 64], workers: [0, 64], replicas: [0, 4] } as const;

/** Parses `app=3`, `workers=2`, `replicas=2` as `scale` takes them; what is not named is left out. */
export function counts(words: readonly string[]): { app?: number; workers?: number; replicas?: number } {
  const found: ReturnType<typeof counts> = {};
  for (const word of words) {
    const [, name, number] = /^(\w+)=(\d{1,3})$/.exec(word) ?? [];
    if (name !== "app" && name !== "workers" && name !== "replicas") {
      throw new InvalidArgumentError(
        `\`${word}\` is not understood. Write \`app=N\`, \`workers=N\` or \`replicas=N\`, such as \`app=4\`.`,
      );
    }
    const [least, most] = SCALED[name];
    found[name] = wholeNumber(least, most)(number ?? "");
  }
  return found;
}

/** The option of `up` and `climb` that holds standbys behind. */
export const LAG = [
  "--lag <time>",
  "for development: hold the database's standbys behind, such as 2s, to meet stale reads there",
  lag,
] as const;

/** Parses how far standbys are held behind, such as `2s`, `500ms` or `0s`. Gives milliseconds. */
export function lag(text: string): number {
  const [, number, unit] = /^(\d{1,5})(ms|s)$/.exec(text) ?? [];
  const ms = Number(number) * (unit === "s" ? 1_000 : 1);
  if (!(ms >= 0 && ms <= 60_000)) throw new InvalidArgumentError("Write a time up to a minute, such as 2s or 500ms.");
  return ms;
}

/** Parses a length of time such as `30s`, `10m`, `1h` or plain seconds. Gives seconds. */
export function seconds(text: string): number {
  const [, number, unit] = /^(\d{1,6})(s|m|h)?$/.exec(text) ?? [];
  const n = Number(number) * { s: 1, m: 60, h: 3_600 }[unit === "m" || unit === "h" ? unit : "s"];
  if (!(n > 0)) throw new InvalidArgumentError("Write a length of time such as 30s, 10m or 1h.");
  return n;
}
