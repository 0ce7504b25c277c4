import { useEffect } from "preact/hooks";
import { useRoute } from "preact-iso/router";
import { getArticle } from "../api/conduit.ts";
import type { Article } from "../api/types.ts";
import { ArticleActions } from "../parts/article-actions.tsx";
import { ArticleMeta } from "../parts/article-meta.tsx";
import { Comments } from "../parts/comments.tsx";
import { LoadFailure, LoadingMessage } from "../parts/load-state.tsx";
import { Markdown, prepareMarkdown } from "../parts/markdown.tsx";
import { TagList } from "../parts/tags.tsx";
import { useLoad } from "../state/load.ts";
import { useTitle } from "../state/title.ts";

export function ArticlePage() {
  const slug = useRoute().params.slug ?? "";
  return <OneArticle key={slug} slug={slug} />;
}

function OneArticle({ slug }: { readonly slug: string }) {
  const article = useLoad(`article ${slug}`, (signal) => getArticle(slug, signal));
  useEffect(prepareMarkdown, []);
  useTitle(article.status === "ready" ? article.value.title : "Article");
  const missing = article.status === "failed" && article.error.status === 404;
  return (
    <div class="article-page">
      {article.status === "loading" && (
        <div class="container page">
          <LoadingMessage what="the article" />
        </div>
      )}
      {missing && <NoSuchArticle />}
      {article.status === "failed" && !missing && (
        <div class="container page">
          <LoadFailure what="the article" error={article.error} retry={article.retry} />
        </div>
      )}
      {article.status === "ready" && <Reading article={article.value} change={article.change} />}
    </div>
  );
}

interface ReadingProps {
  readonly article: Article;
  readonly change: (next: (article: Article) => Article) => void;
}

function Reading({ article, change }: ReadingProps) {
  const actions = <ArticleActions article={article} change={change} />;
  return (
    <>
      <div class="banner">
        <div class="container medium">
          <h1>{article.title}</h1>
          <ArticleMeta article={article}>{actions}</ArticleMeta>
        </div>
      </div>
      <div class="container page medium">
        <div class="article-content">
          <Markdown text={article.body} />
          <TagList tags={article.tagList} />
        </div>
        <hr />
        <div class="article-actions">
          <ArticleMeta article={article}>{actions}</ArticleMeta>
        </div>
        <Comments slug={article.slug} />
      </div>
    </>
  );
}

function NoSuchArticle() {
  return (
    <div class="container page not-found">
      <h1>No such article</h1>
      <p>
        It may have been deleted, or its address changed with its title. <a href="/">Back to the articles</a>
      </p>
    </div>
  );
}
