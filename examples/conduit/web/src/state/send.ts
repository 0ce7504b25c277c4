import { useRef, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/error.ts";

export interface Sending {
  readonly sending: boolean;
  /** Why the last attempt failed, until the next one begins. */
  readonly error: ApiError | null;
  /** Runs `work` unless the last one is still running: a second click or Enter sends nothing twice. */
  readonly send: (work: () => Promise<void>) => Promise<void>;
  readonly fail: (error: ApiError) => void;
}

/** One form's or button's requests. */
export function useSend(): Sending {
  const [sending, showSending] = useState(false);
  const [error, showError] = useState<ApiError | null>(null);
  // State is only seen at the next render; two events can come before it.
  const busy = useRef(false);
  const send = async (work: () => Promise<void>) => {
    if (busy.current) return;
    busy.current = true;
    showSending(true);
    showError(null);
    try {
      await work();
    } catch (thrown) {
      showError(asApiError(thrown));
    } finally {
      busy.current = false;
      showSending(false);
    }
  };
  return { sending, error, send, fail: showError };
}
