import pc from "picocolors";

/** Where a command writes. Colours and redrawn lines only on a terminal that has them. */
export interface Terminal {
  readonly colors: ReturnType<typeof pc.createColors>;
  /** Characters in a line; 80 where the terminal does not say. */
  readonly width: number;
  /** A line of the command's result, on standard output. */
  line(text?: string): void;
  /** A line about the work itself, on standard error, so that results can be piped. */
  note(text: string): void;
  /** A line that the next one replaces; on a plain terminal only the last one of a kind is written. */
  progress(text: string): void;
  /** Ends a progress line, leaving it as it stands. */
  settle(): void;
}

export function createTerminal(
  stdout: NodeJS.WriteStream = process.stdout,
  stderr: NodeJS.WriteStream = process.stderr,
  env: NodeJS.ProcessEnv = process.env,
): Terminal {
  const live = stderr.isTTY === true && env.TERM !== "dumb";
  const colors = pc.createColors(live && !env.NO_COLOR);
  let open: string | undefined;
  const clear = () => {
    if (open !== undefined && live) stderr.write("\r\u001b[2K");
  };
  return {
    colors,
    get width() {
      return stderr.columns ?? 80;
    },
    line(text = "") {
      clear();
      stdout.write(`${text}\n`);
      if (open !== undefined && live) stderr.write(open);
    },
    note(text) {
      clear();
      stderr.write(`${text}\n`);
      if (open !== undefined && live) stderr.write(open);
    },
    progress(text) {
      clear();
      open = text.length > this.width - 1 ? `${text.slice(0, this.width - 2)}…` : text;
      if (live) stderr.write(open);
    },
    settle() {
      if (open === undefined) return;
      if (live) stderr.write("\n");
      else stderr.write(`${open}\n`);
      open = undefined;
    },
  };
}

/** Rows as aligned columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** 1,234 ms as `1.2 s`, 75 s as `1 min 15 s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

/** Bytes as people write them: `142 MB`. */
export function bytes(n: number): string {
  if (n < 1_000) return `${n} B`;
  if (n < 1e6) return `${Math.round(n / 1e3)} kB`;
  if (n < 1e9) return `${Math.round(n / 1e6)} MB`;
  return `${(n / 1e9).toFixed(1)} GB`;
}
