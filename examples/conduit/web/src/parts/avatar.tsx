const DEFAULT = "/default-avatar.svg";

/** The picture's address if it is one a picture may have: of the web or of this site. Never `javascript:` or the like. */
export function avatarUrl(image: string | null | undefined): string {
  const address = image?.trim() ?? "";
  if (/^\/(?![/\\])/.test(address)) return address;
  if (!/^https?:\/\//i.test(address)) return DEFAULT;
  return URL.canParse(address) ? address : DEFAULT;
}

interface AvatarProps {
  readonly image: string | null | undefined;
  readonly class: string;
}

/** A user's picture. It stands beside the user's name, so it says nothing more to a screen reader. */
export function Avatar({ image, class: name }: AvatarProps) {
  return <img class={name} src={avatarUrl(image)} alt="" referrerpolicy="no-referrer" />;
}
