import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import type { User } from "../api/types.ts";
import { useSend } from "../state/send.ts";
import { startedSession, useSession } from "../state/session.ts";
import { takeReturnTo } from "../state/sign-in.ts";
import { ErrorMessages } from "./errors.tsx";

interface SignInFormProps {
  readonly title: string;
  readonly sendingTitle: string;
  readonly other: ComponentChildren;
  readonly submit: () => Promise<User>;
  readonly children: ComponentChildren;
}

/** What signing in and signing up share: sending, errors, and going on as the new user. */
export function SignInForm({ title, sendingTitle, other, submit, children }: SignInFormProps) {
  const { state } = useSession();
  const { route, query } = useLocation();
  const { sending, error, send } = useSend();

  // Also for those who come here signed in already.
  useEffect(() => {
    if (state === "authenticated") route(takeReturnTo(query.next), true);
  }, [state, route, query.next]);

  const onSubmit = (event: Event) => {
    event.preventDefault();
    void send(async () => startedSession(await submit()));
  };
  return (
    <div class="auth-page">
      <div class="container page narrow">
        <h1>{title}</h1>
        <p class="other">{other}</p>
        <ErrorMessages error={error} />
        <form onSubmit={onSubmit} noValidate>
          {children}
          <button type="submit" class="btn btn-lg btn-primary pull-xs-right" disabled={sending}>
            {sending ? sendingTitle : title}
          </button>
        </form>
      </div>
    </div>
  );
}
