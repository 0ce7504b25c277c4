import { setFavorite, setFollowing } from "../api/conduit.ts";
import { tellFailure } from "./notices.ts";

interface Favorable {
  readonly slug: string;
  readonly favorited: boolean;
  readonly favoritesCount: number;
}
export type FavoriteChange = Pick<Favorable, "favorited" | "favoritesCount">;

interface Followable {
  readonly username: string;
  readonly following: boolean;
}

const underWay = new Set<string>();

/** Shows the change at once and takes it back when the API does not agree. `show` is given only what changes. */
export async function toggleFavorite(article: Favorable, show: (change: FavoriteChange) => void): Promise<void> {
  const { slug, favorited, favoritesCount } = article;
  await optimistic(`favorite ${slug}`, async () => {
    show({ favorited: !favorited, favoritesCount: favoritesCount + (favorited ? -1 : 1) });
    try {
      const answer = await setFavorite(slug, !favorited);
      show({ favorited: answer.favorited, favoritesCount: answer.favoritesCount });
    } catch (thrown) {
      show({ favorited, favoritesCount });
      throw thrown;
    }
  });
}

/** As {@link toggleFavorite}, for following an author. */
export async function toggleFollow(profile: Followable, show: (following: boolean) => void): Promise<void> {
  const { username, following } = profile;
  await optimistic(`follow ${username}`, async () => {
    show(!following);
    try {
      show((await setFollowing(username, !following)).following);
    } catch (thrown) {
      show(following);
      throw thrown;
    }
  });
}

async function optimistic(what: string, work: () => Promise<void>): Promise<void> {
  if (underWay.has(what)) return;
  underWay.add(what);
  try {
    await work();
  } catch (thrown) {
    tellFailure(thrown);
  } finally {
    underWay.delete(what);
  }
}
