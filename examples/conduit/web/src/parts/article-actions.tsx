import { useLocation } from "preact-iso/router";
import { deleteArticle } from "../api/conduit.ts";
import type { Article } from "../api/types.ts";
import { useSend } from "../state/send.ts";
import { useSession } from "../state/session.ts";
import { ErrorMessages } from "./errors.tsx";
import { FavoriteButton } from "./favorite-button.tsx";
import { FollowButton } from "./follow-button.tsx";
import { editorPath } from "./links.ts";

interface ArticleActionsProps {
  readonly article: Article;
  readonly change: (next: (article: Article) => Article) => void;
}

/** Its author may edit and delete an article; others may follow its author and like it. */
export function ArticleActions({ article, change }: ArticleActionsProps) {
  const session = useSession();
  // Until it is known who reads, neither set of buttons would be right.
  if (session.state === "loading") return null;
  if (session.user?.username === article.author.username) return <AuthorActions slug={article.slug} />;
  return (
    <span class="actions">
      <FollowButton
        profile={article.author}
        show={(following) => change((now) => ({ ...now, author: { ...now.author, following } }))}
      />
      <FavoriteButton article={article} show={(liked) => change((now) => ({ ...now, ...liked }))} />
    </span>
  );
}

function AuthorActions({ slug }: { readonly slug: string }) {
  const { route } = useLocation();
  const { sending, error, send } = useSend();
  const remove = () =>
    send(async () => {
      await deleteArticle(slug);
      route("/");
    });
  return (
    <span class="actions">
      <a class="btn btn-sm btn-outline-secondary" href={editorPath(slug)}>
        <i class="ion-edit" aria-hidden="true" /> Edit Article
      </a>
      <button type="button" class="btn btn-sm btn-outline-danger" disabled={sending} onClick={remove}>
        <i class="ion-trash-a" aria-hidden="true" /> {sending ? "Deleting…" : "Delete Article"}
      </button>
      <ErrorMessages error={error} />
    </span>
  );
}
