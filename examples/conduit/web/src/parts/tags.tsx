import { tagPath } from "./links.ts";

/** An article's tags, each leading to the articles that share it. */
export function TagList({ tags }: { readonly tags: readonly string[] }) {
  if (tags.length === 0) return null;
  return (
    <ul class="tag-list" aria-label="Tags">
      {tags.map((tag) => (
        <li key={tag}>
          <a class="tag-default tag-pill tag-outline" href={tagPath(tag)}>
            {tag}
          </a>
        </li>
      ))}
    </ul>
  );
}
