import type { ComponentChildren } from "preact";
import { useLocation } from "preact-iso/router";
import { checkNow, useSession } from "../state/session.ts";
import { useUnread } from "../state/unread.ts";
import { Avatar } from "./avatar.tsx";
import { profilePath } from "./links.ts";

export function Navbar() {
  const session = useSession();
  return (
    <nav class="navbar navbar-light" aria-label="Main">
      <div class="container">
        <a class="navbar-brand" href="/">
          conduit
        </a>
        <ul class="nav navbar-nav">
          <Item href="/">Home</Item>
          {session.state === "authenticated" && (
            <MemberItems username={session.user.username} image={session.user.image} />
          )}
          {session.state === "unauthenticated" && (
            <>
              <Item href="/login">Sign in</Item>
              <Item href="/register">Sign up</Item>
            </>
          )}
          {session.state === "unavailable" && (
            <li class="nav-item">
              <button
                type="button"
                class="nav-link connecting"
                title="Conduit does not answer. Try now"
                onClick={checkNow}
              >
                <span class="spinner" aria-hidden="true" /> Connecting…
              </button>
            </li>
          )}
        </ul>
      </div>
    </nav>
  );
}

function MemberItems({ username, image }: { readonly username: string; readonly image: string | null }) {
  const unread = useUnread();
  return (
    <>
      <Item href="/editor">
        <i class="ion-compose" aria-hidden="true" /> <span class="nav-label">New Article</span>
      </Item>
      <Item href="/notifications">
        <i class="ion-ios-bell" aria-hidden="true" /> <span class="nav-label">Notifications</span>
        {unread > 0 && (
          <span class="badge">
            {unread > 99 ? "99+" : unread}
            <span class="visually-hidden"> unread</span>
          </span>
        )}
      </Item>
      <Item href="/settings">
        <i class="ion-gear-a" aria-hidden="true" /> <span class="nav-label">Settings</span>
      </Item>
      <Item href={profilePath(username)} class="nav-user">
        <Avatar class="user-pic" image={image} />
        <span class="nav-label">{username}</span>
      </Item>
    </>
  );
}

interface ItemProps {
  readonly href: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

function Item({ href, class: name, children }: ItemProps) {
  const { path } = useLocation();
  const here = path === href;
  return (
    <li class="nav-item">
      <a class={`nav-link ${here ? "active" : ""} ${name ?? ""}`} href={href} aria-current={here ? "page" : undefined}>
        {children}
      </a>
    </li>
  );
}
