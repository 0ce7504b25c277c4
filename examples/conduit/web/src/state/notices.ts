import { asApiError } from "../api/error.ts";
import { createStore } from "./store.ts";

/** Something that failed away from any form, such as a favourite that was rolled back. */
export interface Notice {
  readonly id: number;
  readonly messages: readonly string[];
}

const SHOWN_MS = 12_000;

export const notices = createStore<readonly Notice[]>([]);
let last = 0;

export function tellFailure(thrown: unknown): void {
  const id = ++last;
  // The newest matters: older ones would only pile up while the network is gone.
  notices.set([{ id, messages: asApiError(thrown).messages }]);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

export function dismiss(id: number): void {
  notices.set(notices.get().filter((notice) => notice.id !== id));
}
