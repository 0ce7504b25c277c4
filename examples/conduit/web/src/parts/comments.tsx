import { deleteComment, listComments } from "../api/conduit.ts";
import { useLoad } from "../state/load.ts";
import { useSession } from "../state/session.ts";
import { CommentCard } from "./comment-card.tsx";
import { CommentForm } from "./comment-form.tsx";
import { LoadFailure, LoadingMessage } from "./load-state.tsx";

/** The talk below an article, newest first. */
export function Comments({ slug }: { readonly slug: string }) {
  const session = useSession();
  const comments = useLoad(`comments ${slug}`, (signal) => listComments(slug, signal));
  const remove = async (id: number) => {
    await deleteComment(slug, id);
    comments.change((list) => list.filter((comment) => comment.id !== id));
  };
  return (
    <section class="comments" aria-label="Comments">
      <CommentForm slug={slug} added={(comment) => comments.change((list) => [comment, ...list])} />
      {comments.status === "loading" && <LoadingMessage what="comments" />}
      {comments.status === "failed" && (
        <LoadFailure what="the comments" error={comments.error} retry={comments.retry} />
      )}
      {comments.status === "ready" && comments.value.length === 0 && <p class="quiet">No comments are here... yet.</p>}
      {comments.status === "ready" &&
        comments.value.map((comment) => (
          <CommentCard
            key={comment.id}
            comment={comment}
            mine={comment.author.username === session.user?.username}
            remove={() => remove(comment.id)}
          />
        ))}
    </section>
  );
}
