import { useLocation, useRoute } from "preact-iso/router";
import { getProfile } from "../api/conduit.ts";
import type { Profile } from "../api/types.ts";
import { ArticleList, pageOf } from "../parts/article-list.tsx";
import { Avatar } from "../parts/avatar.tsx";
import { FeedToggle } from "../parts/feed-toggle.tsx";
import { FollowButton } from "../parts/follow-button.tsx";
import { profilePath } from "../parts/links.ts";
import { LoadFailure, LoadingMessage } from "../parts/load-state.tsx";
import { useLoad } from "../state/load.ts";
import { useSession } from "../state/session.ts";
import { useTitle } from "../state/title.ts";

interface ProfilePageProps {
  /** The articles this user likes instead of those they wrote. */
  readonly favorites?: boolean;
}

export function ProfilePage({ favorites = false }: ProfilePageProps) {
  const username = useRoute().params.username ?? "";
  const { query } = useLocation();
  const profile = useLoad(`profile ${username}`, (signal) => getProfile(username, signal));
  useTitle(favorites ? `Favorites of ${username}` : username);
  const path = profilePath(username);
  const missing = profile.status === "failed" && profile.error.status === 404;
  return (
    <div class="profile-page">
      {profile.status === "loading" && (
        <div class="container page">
          <LoadingMessage what="the profile" />
        </div>
      )}
      {missing && <NoSuchUser username={username} />}
      {profile.status === "failed" && !missing && (
        <div class="container page">
          <LoadFailure what="the profile" error={profile.error} retry={profile.retry} />
        </div>
      )}
      {profile.status === "ready" && (
        <>
          <UserInfo
            profile={profile.value}
            show={(following) => profile.change((value) => ({ ...value, following }))}
          />
          <div class="container page medium">
            <FeedToggle
              tabs={[
                { href: path, active: !favorites, label: "My Articles" },
                { href: `${path}/favorites`, active: favorites, label: "Favorited Articles" },
              ]}
            />
            <ArticleList feed={{ kind: favorites ? "favorited" : "author", username }} page={pageOf(query)} />
          </div>
        </>
      )}
    </div>
  );
}

interface UserInfoProps {
  readonly profile: Profile;
  readonly show: (following: boolean) => void;
}

function UserInfo({ profile, show }: UserInfoProps) {
  const session = useSession();
  const own = session.user?.username === profile.username;
  return (
    <div class="user-info">
      <div class="container medium">
        <Avatar class="user-img" image={profile.image} />
        <h4>{profile.username}</h4>
        <p>{profile.bio}</p>
        {own && (
          <a class="btn btn-sm btn-outline-secondary action-btn" href="/settings">
            <i class="ion-gear-a" aria-hidden="true" /> Edit Profile Settings
          </a>
        )}
        {!own && session.state !== "loading" && <FollowButton profile={profile} show={show} />}
      </div>
    </div>
  );
}

function NoSuchUser({ username }: { readonly username: string }) {
  return (
    <div class="container page not-found">
      <h1>No such user</h1>
      <p>
        There is no user called “{username}”. <a href="/">Back to the articles</a>
      </p>
    </div>
  );
}
