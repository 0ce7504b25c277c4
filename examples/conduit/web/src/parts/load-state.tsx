import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../api/error.ts";

/** Shown only when loading takes long enough to be noticed: a flash of it would be noise. */
export function LoadingMessage({ what }: { readonly what: string }) {
  const [late, showLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => showLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class={late ? "loading-message" : "loading-message early"} role="status">
      <span class="spinner" aria-hidden="true" />
      Loading {what}…
    </div>
  );
}

interface LoadFailureProps {
  readonly what: string;
  readonly error: ApiError;
  readonly retry: () => void;
  readonly class?: string;
  readonly children?: ComponentChildren;
}

/** Says that something could not be loaded and offers to try again. It is also tried again by itself. */
export function LoadFailure({ what, error, retry, class: name }: LoadFailureProps) {
  return (
    <div class={`load-failure ${name ?? ""}`} role="alert">
      <p class="load-failure-title">Could not load {what}.</p>
      <ul class="error-messages">
        {error.messages.map((message) => (
          <li key={message}>{message}</li>
        ))}
      </ul>
      {error.passing && (
        <button type="button" class="btn btn-sm btn-outline-secondary" onClick={retry}>
          <i class="ion-refresh" aria-hidden="true" /> Try again
        </button>
      )}
    </div>
  );
}
