/** The cookies of one session with one origin. Expiry by date is not looked at: runs are shorter; `Max-Age=0` removes. */
export interface CookieJar {
  /** The `Cookie` header, or undefined while there are none. */
  header(): string | undefined;
  /** Takes one `Set-Cookie` header in. */
  take(setCookie: string): void;
}

export function createCookieJar(): CookieJar {
  const cookies = new Map<string, string>();
  let header: string | undefined;
  return {
    header: () => header,
    take(setCookie) {
      const [pair = "", ...attributes] = setCookie.split(";");
      const equals = pair.indexOf("=");
      if (equals < 1) return;
      const name = pair.slice(0, equals).trim();
      if (attributes.some((attribute) => /^\s*max-age\s*=\s*(0|-\d+)\s*$/i.test(attribute))) cookies.delete(name);
      else cookies.set(name, pair.slice(equals + 1).trim());
      header = cookies.size === 0 ? undefined : [...cookies].map(([key, value]) => `${key}=${value}`).join("; ");
    },
  };
}
