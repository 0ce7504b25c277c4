import { useEffect } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso/router";
import { getArticle } from "../api/conduit.ts";
import { ArticleForm } from "../parts/article-form.tsx";
import { articlePath } from "../parts/links.ts";
import { LoadFailure, LoadingMessage } from "../parts/load-state.tsx";
import { useMembersOnly } from "../state/guard.ts";
import { useLoad } from "../state/load.ts";
import { useTitle } from "../state/title.ts";

/** `/editor` writes a new article, `/editor/:slug` changes one. */
export function EditorPage() {
  const { slug } = useRoute().params;
  const { admitted } = useMembersOnly();
  useTitle(slug === undefined ? "New article" : "Edit article");
  return (
    <div class="editor-page">
      <div class="container page medium">
        {!admitted && <LoadingMessage what="the editor" />}
        {admitted && slug === undefined && <ArticleForm key="new" />}
        {admitted && slug !== undefined && <Existing key={slug} slug={slug} />}
      </div>
    </div>
  );
}

function Existing({ slug }: { readonly slug: string }) {
  const { user } = useMembersOnly();
  const { route } = useLocation();
  const article = useLoad(`article ${slug}`, (signal) => getArticle(slug, signal));
  const foreign = article.status === "ready" && user !== null && article.value.author.username !== user.username;
  useEffect(() => {
    if (foreign) route(articlePath(slug), true);
  }, [foreign, route, slug]);

  if (article.status === "failed")
    return <LoadFailure what="the article" error={article.error} retry={article.retry} />;
  if (article.status === "loading" || foreign) return <LoadingMessage what="the article" />;
  return <ArticleForm article={article.value} />;
}
