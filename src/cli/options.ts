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

/** Parses `app=3`, `workers=2` as `scale` takes them. */
export function counts(words: readonly string[]): Readonly<Record<"app" | "workers", number | undefined>> {
  const found: { app: number | undefined; workers: number | undefined } = { app: undefined, workers: undefined };
  for (const word of words) {
    const [, name, number] = /^(app|workers)=(\d{1,3})$/.exec(word) ?? [];
    if (name !== "app" && name !== "workers") {
      throw new InvalidArgumentError(
        `\`${word}\` is not understood. Write \`app=N\` or \`workers=N\`, such as \`app=4\`.`,
      );
    }
    found[name] = wholeNumber(name === "app" ? 1 : 0, 64)(number ?? "");
  }
  return found;
}

/** Parses a length of time such as `30s`, `10m`, `1h` or plain seconds. Gives seconds. */
export function seconds(text: string): number {
  const [, number, unit] = /^(\d{1,6})(s|m|h)?$/.exec(text) ?? [];
  const n = Number(number) * { s: 1, m: 60, h: 3_600 }[unit === "m" || unit === "h" ? unit : "s"];
  if (!(n > 0)) throw new InvalidArgumentError("Write a length of time such as 30s, 10m or 1h.");
  return n;
}
