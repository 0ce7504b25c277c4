import { getUser } from "../api/conduit.ts";
import { asApiError } from "../api/error.ts";
import { credentials } from "../api/http.ts";
import type { User } from "../api/types.ts";
import { createStore, useStore } from "./store.ts";
import { readToken, TOKEN_KEY, writeToken } from "./token.ts";

/**
 * Who is using the page. `unavailable` holds a token that could not be checked because the API did not answer:
 * the user is not signed out for that, and the check is repeated until it says yes or no.
 */
export type Session =
  | { readonly state: "loading"; readonly token: string; readonly user: null }
  | { readonly state: "unavailable"; readonly token: string; readonly user: null }
  | { readonly state: "authenticated"; readonly token: string; readonly user: User }
  | { readonly state: "unauthenticated"; readonly token: null; readonly user: null };

const SIGNED_OUT: Session = { state: "unauthenticated", token: null, user: null };
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 30_000;

export const session = createStore<Session>(SIGNED_OUT);
export const useSession = (): Session => useStore(session);

let retry: ReturnType<typeof setTimeout> | undefined;
let retryMs = FIRST_RETRY_MS;

/** Begins with the token of an earlier visit, if any, and keeps in step with other tabs. */
export function startSession(): void {
  credentials.token = () => session.get().token;
  credentials.rejected = (token) => {
    const { state, token: current } = session.get();
    // Until the API has said once that the token is good, only the check says that it is not.
    if (state === "authenticated" && token === current) signOut();
  };
  credentials.answered = () => {
    // The API is back for others, so it should be for us: do not wait for the timer.
    if (session.get().state === "unavailable" && retry !== undefined) checkSoon(0);
  };
  addEventListener("online", () => {
    if (session.get().state === "unavailable") checkSoon(0);
  });
  addEventListener("storage", (event) => {
    if (event.key === TOKEN_KEY || event.key === null) resume();
  });
  resume();
}

export function startedSession(user: User): void {
  begin({ state: "authenticated", token: user.token, user });
}

/** The user's data changed. Some APIs answer with a new token, which then replaces the old one. */
export function changedUser(user: User): void {
  const { token } = session.get();
  const next = user.token || token;
  if (next !== null) begin({ state: "authenticated", token: next, user });
}

export function signOut(): void {
  begin(SIGNED_OUT);
}

/** Asks at once whether the API is back. */
export function checkNow(): void {
  checkSoon(0);
}

function begin(next: Session): void {
  clearTimeout(retry);
  retry = undefined;
  retryMs = FIRST_RETRY_MS;
  if (readToken() !== next.token) writeToken(next.token);
  session.set(next);
}

function resume(): void {
  const token = readToken();
  if (token === session.get().token) return;
  begin(token ? { state: "loading", token, user: null } : SIGNED_OUT);
  void check();
}

async function check(): Promise<void> {
  const { token } = session.get();
  if (token === null) return;
  try {
    const user = await getUser();
    if (session.get().token === token) begin({ state: "authenticated", token, user });
  } catch (thrown) {
    if (session.get().token !== token) return;
    if (!asApiError(thrown).passing) return signOut();
    if (session.get().state === "loading") session.set({ state: "unavailable", token, user: null });
    checkSoon(retryMs);
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
  }
}

function checkSoon(ms: number): void {
  clearTimeout(retry);
  retry = setTimeout(() => {
    retry = undefined;
    void check();
  }, ms);
}
