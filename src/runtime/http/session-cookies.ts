const NAME = "ninefold_session";
const INSTANCES = 8;
const IN_COOKIES = /(?:^|;)\s*ninefold_session(?:_\d+)?=([^;]*)/g;

/**
 * Name of the cookie in which an instance gives its tokens, such as `dc1.app.2@7`. Two answers that a browser gets at the same
 * time may come from two instances, and the later must not take the place of what the other one knew. Eight instances, of two
 * releases each, have names of their own.
 */
export function sessionCookie(instance: string): string {
  const [, number = "1", release = "1"] = /\.(\d+)(?:@(\d+))?$/.exec(instance) ?? [];
  const slot = ((Number(number) - 1) % INSTANCES) + INSTANCES * ((Number(release) - 1) % 2);
  return slot === 0 ? NAME : `${NAME}_${slot}`;
}

/** Tokens in a `Cookie` header, of whichever instances gave them. */
export function sessionTokens(cookie: string): string[] {
  if (!cookie.includes(NAME)) return [];
  return Array.from(cookie.matchAll(IN_COOKIES), ([, token = ""]) => token.trim());
}
