import type { ArticleSummary } from "../api/types.ts";
import { useSignInFirst } from "../state/sign-in.ts";
import { type FavoriteChange, toggleFavorite } from "../state/toggles.ts";

interface FavoriteButtonProps {
  readonly article: ArticleSummary;
  readonly show: (change: FavoriteChange) => void;
  /** Only the heart and the number, as in lists. */
  readonly short?: boolean;
}

export function FavoriteButton({ article, show, short = false }: FavoriteButtonProps) {
  const signedIn = useSignInFirst();
  const { favorited, favoritesCount, title } = article;
  const toggle = () => {
    if (signedIn()) void toggleFavorite(article, show);
  };
  return (
    <button
      type="button"
      class={`btn btn-sm ${favorited ? "btn-primary" : "btn-outline-primary"} ${short ? "pull-xs-right" : ""}`}
      aria-pressed={favorited}
      aria-label={short ? `Favorite “${title}” (${favoritesCount})` : undefined}
      onClick={toggle}
    >
      <i class="ion-heart" aria-hidden="true" />{" "}
      {short ? (
        favoritesCount
      ) : (
        <>
          {favorited ? "Unfavorite" : "Favorite"} Article <span class="counter">({favoritesCount})</span>
        </>
      )}
    </button>
  );
}
