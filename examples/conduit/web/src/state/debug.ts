import type { User } from "../api/types.ts";
import { type Session, session } from "./session.ts";

declare global {
  interface Window {
    /** For tests of the RealWorld contract: what the page believes about the session. */
    __conduit_debug__?: {
      getToken(): string | null;
      getAuthState(): Session["state"];
      getCurrentUser(): User | null;
    };
  }
}

export function offerDebug(): void {
  window.__conduit_debug__ = {
    getToken: () => session.get().token,
    getAuthState: () => session.get().state,
    getCurrentUser: () => session.get().user,
  };
}
