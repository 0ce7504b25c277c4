import { useEffect, useRef } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { type Session, useSession } from "./session.ts";

/**
 * For pages of signed-in users: a stranger is sent to sign in. Someone whose session ends while the page is open
 * stays, because what they typed is there; the form then says what to do.
 */
export function useMembersOnly(): Session & { readonly admitted: boolean } {
  const session = useSession();
  const { route } = useLocation();
  const admitted = useRef(false);
  if (session.state === "authenticated" || session.state === "unavailable") admitted.current = true;
  const stranger = session.state === "unauthenticated" && !admitted.current;
  useEffect(() => {
    if (stranger) route("/login", true);
  }, [stranger, route]);
  return { ...session, admitted: admitted.current };
}
