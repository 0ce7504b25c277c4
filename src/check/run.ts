import { type CheckConfig, parseConfig } from "./options.ts";
import type { Report, Snapshot } from "./report.ts";
import { startCheck } from "./start.ts";

export interface RunHooks {
  /** Called about once a second, from the start of the traffic until the verdict. */
  readonly onProgress?: (snapshot: Snapshot) => void;
  /** Ends the traffic early; the audit and the verdict follow. */
  readonly signal?: AbortSignal;
}

export const PROGRESS_MS = 1_000;

/** Runs a check from its start to its verdict, in this process. @throws CheckFileError, CheckSetupError */
export async function runCheck(options: CheckConfig, { onProgress, signal }: RunHooks = {}): Promise<Report> {
  const { durationMs, ...config } = parseConfig(options);
  const running = await startCheck({ ...config, ...seedOf(options) });
  const timer = setInterval(() => onProgress?.(running.report()), PROGRESS_MS);
  try {
    await elapsed(durationMs, signal);
    return await running.finish();
  } finally {
    clearInterval(timer);
  }
}

function seedOf({ seed, journal }: CheckConfig): Pick<CheckConfig, "seed" | "journal"> {
  return { ...(seed === undefined ? {} : { seed }), ...(journal === undefined ? {} : { journal }) };
}

/** Waits for a time, or until the signal; 0 waits for the signal alone. */
export function elapsed(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms > 0 ? setTimeout(resolve, ms) : undefined;
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
  });
}
