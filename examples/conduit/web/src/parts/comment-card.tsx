import type { Comment } from "../api/types.ts";
import { useSend } from "../state/send.ts";
import { Avatar } from "./avatar.tsx";
import { Day } from "./date.tsx";
import { ErrorMessages } from "./errors.tsx";
import { profilePath } from "./links.ts";

interface CommentCardProps {
  readonly comment: Comment;
  /** Only its author is offered to delete it. */
  readonly mine: boolean;
  readonly remove: () => Promise<void>;
}

export function CommentCard({ comment, mine, remove }: CommentCardProps) {
  const { sending, error, send } = useSend();
  const { author, body, createdAt } = comment;
  return (
    <div class="card">
      <div class="card-block">
        <p class="card-text">{body}</p>
      </div>
      <div class="card-footer">
        <Avatar class="comment-author-img" image={author.image} />
        <a class="comment-author" href={profilePath(author.username)}>
          {author.username}
        </a>
        <Day class="date-posted" at={createdAt} />
        {mine && (
          <span class="mod-options">
            <button
              type="button"
              class="icon-button"
              aria-label="Delete this comment"
              disabled={sending}
              onClick={() => send(remove)}
            >
              <i class="ion-trash-a" aria-hidden="true" />
            </button>
          </span>
        )}
      </div>
      <ErrorMessages error={error} />
    </div>
  );
}
