import { dismiss, notices } from "../state/notices.ts";
import { useStore } from "../state/store.ts";

export function Notices() {
  const shown = useStore(notices);
  return (
    <div class="notices" aria-live="assertive">
      {shown.map(({ id, messages }) => (
        <div key={id} class="notice">
          <ul class="error-messages">
            {messages.map((message) => (
              <li key={message}>{message}</li>
            ))}
          </ul>
          <button type="button" class="notice-close" aria-label="Close this message" onClick={() => dismiss(id)}>
            <i class="ion-close-round" aria-hidden="true" />
          </button>
        </div>
      ))}
    </div>
  );
}
