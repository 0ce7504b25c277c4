import { useState } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { createComment } from "../api/conduit.ts";
import type { Comment } from "../api/types.ts";
import { useSend } from "../state/send.ts";
import { useSession } from "../state/session.ts";
import { Avatar } from "./avatar.tsx";
import { ErrorMessages } from "./errors.tsx";

interface CommentFormProps {
  readonly slug: string;
  readonly added: (comment: Comment) => void;
}

export function CommentForm({ slug, added }: CommentFormProps) {
  const session = useSession();
  const { path } = useLocation();
  const [body, changeBody] = useState("");
  const { sending, error, send } = useSend();

  // Someone whose session just ended keeps the form: the comment they wrote is in it.
  if (session.state === "unauthenticated" && body === "") {
    const next = encodeURIComponent(path);
    return (
      <p class="comment-invitation">
        <a href={`/login?next=${next}`}>Sign in</a> or <a href={`/register?next=${next}`}>sign up</a> to add comments on
        this article.
      </p>
    );
  }
  if (session.state === "loading") return null;

  const post = (event: Event) => {
    event.preventDefault();
    void send(async () => {
      added(await createComment(slug, body));
      changeBody("");
    });
  };
  return (
    <form class="card comment-form" onSubmit={post} noValidate>
      <ErrorMessages error={error} />
      <div class="card-block">
        <textarea
          class="form-control"
          aria-label="Your comment"
          placeholder="Write a comment..."
          rows={3}
          value={body}
          readOnly={sending}
          onInput={(event) => changeBody(event.currentTarget.value)}
        />
      </div>
      <div class="card-footer">
        <Avatar class="comment-author-img" image={session.user?.image} />
        <button type="submit" class="btn btn-sm btn-primary" disabled={sending}>
          {sending ? "Posting…" : "Post Comment"}
        </button>
      </div>
    </form>
  );
}
