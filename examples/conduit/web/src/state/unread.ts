import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { listNotifications } from "../api/conduit.ts";
import { useSession } from "./session.ts";
import { createStore, useStore } from "./store.ts";

/** Unread notifications of the signed-in user, as last heard. */
export const unread = createStore(0);

const LOOK_EVERY_MS = 60_000;
const NOT_MORE_OFTEN_MS = 5_000;
let lookedAt = 0;

/** Looks when the user moves about, and once a minute while the page is in sight. */
export function useUnread(): number {
  const { user } = useSession();
  const { url } = useLocation();
  const username = user?.username;

  useEffect(() => {
    unread.set(0);
    lookedAt = 0;
  }, [username]);

  // `url` is among the reasons because a move is a good moment to look again.
  useEffect(() => {
    if (username === undefined) return;
    void look();
    const timer = setInterval(() => document.visibilityState === "visible" && void look(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [username, url]);

  return useStore(unread);
}

async function look(): Promise<void> {
  if (Date.now() - lookedAt < NOT_MORE_OFTEN_MS) return;
  lookedAt = Date.now();
  try {
    unread.set((await listNotifications(1, { limit: 1, background: true })).unreadCount);
  } catch {
    // A number in a corner is not worth a message; the next look may succeed.
  }
}
