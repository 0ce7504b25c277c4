import type { ApiError } from "../api/error.ts";
import { useSession } from "../state/session.ts";

interface ErrorMessagesProps {
  readonly error: ApiError | null;
}

/** Why something could not be sent, above the form it came from. */
export function ErrorMessages({ error }: ErrorMessagesProps) {
  const { state } = useSession();
  if (!error) return null;
  const sessionEnded = error.status === 401 && state === "unauthenticated";
  return (
    <ul class="error-messages" role="alert">
      {error.messages.map((message) => (
        <li key={message}>{message}</li>
      ))}
      {sessionEnded && (
        <li>
          <a href="/login?next=/" target="_blank" rel="noopener">
            Sign in again in a new tab
          </a>
          , then send this once more: what you typed stays here.
        </li>
      )}
    </ul>
  );
}
