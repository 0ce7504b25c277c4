import { findControl } from "./address.ts";
import { type ControlClient, controlClient } from "./client.ts";

export interface StartOptions {
  /** Longest wait for the control plane's first answer, in milliseconds; default 15,000. */
  readonly withinMs?: number;
}

/**
 * The control plane of a service's folder; starts an agent and a control plane when none runs.
 * Throws NewerState, JournalCorrupt, ControlDidNotStart (with the end of its log).
 */
export async function ensureControl(folder: string, options: StartOptions = {}): Promise<ControlClient> {
  void options;
  return controlClient(() => findControl(folder));
}

/** The control plane of a service's folder if one runs and answers; starts nothing. */
export async function connect(folder: string): Promise<ControlClient | undefined> {
  return (await findControl(folder)) === undefined ? undefined : controlClient(() => findControl(folder));
}
