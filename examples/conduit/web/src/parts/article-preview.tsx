import type { ArticleSummary } from "../api/types.ts";
import type { FavoriteChange } from "../state/toggles.ts";
import { ArticleMeta } from "./article-meta.tsx";
import { FavoriteButton } from "./favorite-button.tsx";
import { articlePath } from "./links.ts";
import { TagList } from "./tags.tsx";

interface ArticlePreviewProps {
  readonly article: ArticleSummary;
  readonly show: (change: FavoriteChange) => void;
}

export function ArticlePreview({ article, show }: ArticlePreviewProps) {
  return (
    <div class="article-preview">
      <ArticleMeta article={article}>
        <FavoriteButton article={article} show={show} short />
      </ArticleMeta>
      <a class="preview-link" href={articlePath(article.slug)}>
        <h1>{article.title}</h1>
        <p>{article.description}</p>
        <span class="read-more">Read more...</span>
      </a>
      <TagList tags={article.tagList} />
    </div>
  );
}
