import { listTags } from "../api/conduit.ts";
import { useLoad } from "../state/load.ts";
import { tagPath } from "./links.ts";
import { LoadFailure, LoadingMessage } from "./load-state.tsx";

export function PopularTags() {
  const tags = useLoad("tags", listTags);
  return (
    <aside class="sidebar-column" aria-label="Popular tags">
      <div class="sidebar">
        <p class="sidebar-title">Popular Tags</p>
        {tags.status === "loading" && <LoadingMessage what="tags" />}
        {tags.status === "failed" && (
          <LoadFailure what="the tags" error={tags.error} retry={tags.retry} class="small" />
        )}
        {tags.status === "ready" && tags.value.length === 0 && <p class="quiet">No tags are here... yet.</p>}
        {tags.status === "ready" && tags.value.length > 0 && (
          <div class="tag-list">
            {tags.value.map((tag) => (
              <a key={tag} class="tag-pill tag-default" href={tagPath(tag)}>
                {tag}
              </a>
            ))}
          </div>
        )}
      </div>
    </aside>
  );
}
