import { useEffect } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso/router";
import type { Feed } from "../api/conduit.ts";
import { ArticleList, pageOf } from "../parts/article-list.tsx";
import { FeedToggle, type Tab } from "../parts/feed-toggle.tsx";
import { tagPath } from "../parts/links.ts";
import { PopularTags } from "../parts/popular-tags.tsx";
import { useSession } from "../state/session.ts";
import { useTitle } from "../state/title.ts";

/** `/`, `/?feed=following` and `/tag/:tag`. */
export function HomePage() {
  const session = useSession();
  const { route, query } = useLocation();
  const { tag } = useRoute().params;
  const feed: Feed =
    tag !== undefined ? { kind: "tag", tag } : { kind: query.feed === "following" ? "following" : "global" };
  const stranger = session.state === "unauthenticated";
  const turnedAway = stranger && feed.kind === "following";
  useTitle(tag !== undefined ? `#${tag}` : feed.kind === "following" ? "Your Feed" : "");
  useEffect(() => {
    if (turnedAway) route("/login", true);
  }, [turnedAway, route]);

  const tabs: Tab[] = [{ href: "/", active: feed.kind === "global", label: "Global Feed" }];
  if (!stranger) tabs.unshift({ href: "/?feed=following", active: feed.kind === "following", label: "Your Feed" });
  if (tag !== undefined) {
    tabs.push({
      href: tagPath(tag),
      active: true,
      label: (
        <>
          <i class="ion-pound" aria-hidden="true" /> {tag}
        </>
      ),
    });
  }
  return (
    <div class="home-page">
      <div class="banner">
        <div class="container">
          <h1 class="logo-font">conduit</h1>
          <p>A place to share your knowledge.</p>
        </div>
      </div>
      <div class="container page">
        <div class="row">
          <div class="feed-column">
            <FeedToggle tabs={tabs} />
            {!turnedAway && (
              <ArticleList
                feed={feed}
                page={pageOf(query)}
                empty={feed.kind === "following" && pageOf(query) === 1 ? <EmptyFeed /> : undefined}
              />
            )}
          </div>
          <PopularTags />
        </div>
      </div>
    </div>
  );
}

function EmptyFeed() {
  return (
    <>
      Your feed is empty. Follow some authors in the <a href="/">Global Feed</a> to see their articles here.
    </>
  );
}
