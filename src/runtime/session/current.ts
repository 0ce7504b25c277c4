import { AsyncLocalStorage } from "node:async_hooks";
import type { Session } from "./session.ts";

const storage = new AsyncLocalStorage<Session>();

/** The session that the running code works for, or undefined outside of one (at start, in a script). */
export function currentSession(): Session | undefined {
  return storage.getStore();
}

/** Runs `work` for a session, through every `await` in it: the database layer tells that session what it writes. */
export function runWithSession<R>(session: Session, work: () => R): R {
  return storage.run(session, work);
}
