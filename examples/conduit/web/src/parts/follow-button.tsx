import type { Profile } from "../api/types.ts";
import { useSignInFirst } from "../state/sign-in.ts";
import { toggleFollow } from "../state/toggles.ts";

interface FollowButtonProps {
  readonly profile: Profile;
  readonly show: (following: boolean) => void;
}

export function FollowButton({ profile, show }: FollowButtonProps) {
  const signedIn = useSignInFirst();
  const { username, following } = profile;
  const toggle = () => {
    if (signedIn()) void toggleFollow(profile, show);
  };
  return (
    <button
      type="button"
      class={`btn btn-sm action-btn ${following ? "btn-secondary" : "btn-outline-secondary"}`}
      onClick={toggle}
    >
      <i class={following ? "ion-minus-round" : "ion-plus-round"} aria-hidden="true" />{" "}
      {following ? "Unfollow" : "Follow"} {username}
    </button>
  );
}
