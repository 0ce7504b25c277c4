import { useLocation } from "preact-iso/router";
import { session } from "./session.ts";

/** Where to go back to after signing in, when something asked for it. */
let returnTo: string | null = null;

/** Gives a function that says whether the user may act, and otherwise takes them to the sign-in page and later back. */
export function useSignInFirst(): () => boolean {
  const { route, url } = useLocation();
  return () => {
    if (session.get().token !== null) return true;
    returnTo = url;
    route("/login");
    return false;
  };
}

/** The page to show after signing in; only ever a path of this site, whatever `next` in the address says. */
export function takeReturnTo(next: string | undefined): string {
  const wanted = next ?? returnTo ?? "/";
  returnTo = null;
  return /^\/(?![/\\])/.test(wanted) ? wanted : "/";
}
