import type { ComponentChildren } from "preact";
import { ARTICLES_PER_PAGE, type Feed, listArticles } from "../api/conduit.ts";
import { useLoad } from "../state/load.ts";
import type { FavoriteChange } from "../state/toggles.ts";
import { ArticlePreview } from "./article-preview.tsx";
import { LoadFailure, LoadingMessage } from "./load-state.tsx";
import { Pagination } from "./pagination.tsx";

interface ArticleListProps {
  readonly feed: Feed;
  /** Counts from 1. */
  readonly page: number;
  /** Shown when the list is empty. */
  readonly empty?: ComponentChildren;
}

export function ArticleList({ feed, page, empty = "No articles are here... yet." }: ArticleListProps) {
  const list = useLoad(`${JSON.stringify(feed)} ${page}`, (signal) => listArticles(feed, page, signal));

  if (list.status === "loading") return <LoadingMessage what="articles" />;
  if (list.status === "failed") {
    return <LoadFailure class="empty-feed-message" what="the articles" error={list.error} retry={list.retry} />;
  }
  const { articles, articlesCount } = list.value;
  const show = (slug: string) => (change: FavoriteChange) =>
    list.change((value) => ({
      ...value,
      articles: value.articles.map((article) => (article.slug === slug ? { ...article, ...change } : article)),
    }));
  return (
    <>
      {articles.length === 0 && <div class="empty-feed-message">{empty}</div>}
      {articles.map((article) => (
        <ArticlePreview key={article.slug} article={article} show={show(article.slug)} />
      ))}
      <Pagination page={page} pages={Math.ceil(articlesCount / ARTICLES_PER_PAGE)} />
    </>
  );
}

/** The page that an address asks for; 1 for anything that is not a page number. */
export function pageOf(query: Readonly<Record<string, string>>): number {
  const page = Number(query.page);
  return Number.isInteger(page) && page > 0 && page <= 1_000_000 ? page : 1;
}
