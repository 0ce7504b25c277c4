import type { ComponentChildren } from "preact";
import type { ArticleSummary } from "../api/types.ts";
import { Avatar } from "./avatar.tsx";
import { Day } from "./date.tsx";
import { profilePath } from "./links.ts";

interface ArticleMetaProps {
  readonly article: ArticleSummary;
  readonly children: ComponentChildren;
}

/** Who wrote an article and when; the actions on it are the children. */
export function ArticleMeta({ article, children }: ArticleMetaProps) {
  const { author, createdAt } = article;
  return (
    <div class="article-meta">
      <Avatar class="author-img" image={author.image} />
      <div class="info">
        <a class="author" href={profilePath(author.username)}>
          {author.username}
        </a>
        <Day class="date" at={createdAt} />
      </div>
      {children}
    </div>
  );
}
