import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/error.ts";
import { useSession } from "./session.ts";

export type Loaded<T> =
  | { readonly status: "loading" }
  | { readonly status: "ready"; readonly value: T }
  | { readonly status: "failed"; readonly error: ApiError };

export type Loading<T> = Loaded<T> & {
  /** Tries again; what is shown stays until the answer comes. */
  readonly retry: () => void;
  /** Changes the value in place, when it is there. */
  readonly change: (next: (value: T) => T) => void;
};

const FIRST_RETRY_MS = 3_000;
const LONGEST_RETRY_MS = 30_000;
const LOADING = { status: "loading" } as const;

/**
 * Loads what `key` names, and again when the session changes; the old value stays in sight meanwhile, and stays when the
 * API is away, because forms with typed text may hang on it. While the first load fails for a passing reason it is tried
 * again, less and less often, so that a page left open recovers by itself.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loading<T> {
  const { token } = useSession();
  const [loaded, show] = useState<{ readonly key: string; readonly result: Loaded<T> }>({ key, result: LOADING });
  const [attempt, countAttempt] = useState(0);
  const wait = useRef(FIRST_RETRY_MS);
  const retry = useCallback(() => countAttempt((n) => n + 1), []);

  // `load` is new at each render, `key` says what it loads; a new token or attempt is a reason to load again.
  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const succeed = (value: T) => {
      if (leaving.signal.aborted) return;
      wait.current = FIRST_RETRY_MS;
      show({ key, result: { status: "ready", value } });
    };
    const fail = (thrown: unknown) => {
      if (leaving.signal.aborted) return;
      const error = asApiError(thrown);
      show((now) => {
        const keep = error.passing && now.key === key && now.result.status === "ready";
        return keep ? now : { key, result: { status: "failed", error } };
      });
      if (!error.passing) return;
      timer = setTimeout(retry, wait.current);
      wait.current = Math.min(wait.current * 2, LONGEST_RETRY_MS);
      addEventListener("online", retry);
    };
    load(leaving.signal).then(succeed, fail);
    return () => {
      leaving.abort();
      clearTimeout(timer);
      removeEventListener("online", retry);
    };
  }, [key, token, attempt]);

  const change = useCallback(
    (next: (value: T) => T) =>
      show((now) =>
        now.result.status === "ready" ? { ...now, result: { status: "ready", value: next(now.result.value) } } : now,
      ),
    [],
  );
  const current: Loaded<T> = loaded.key === key ? loaded.result : LOADING;
  return { ...current, retry, change };
}
