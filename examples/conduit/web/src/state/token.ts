/** Where the JWT is kept over reloads; other tabs see changes through the `storage` event. */
export const TOKEN_KEY = "jwtToken";

/** Storage can be forbidden by the browser's settings; the session then lives as long as the page. */
let inMemory: string | null = null;

export function readToken(): string | null {
  try {
    return localStorage.getItem(TOKEN_KEY);
  } catch {
    return inMemory;
  }
}

export function writeToken(token: string | null): void {
  inMemory = token;
  try {
    if (token === null) localStorage.removeItem(TOKEN_KEY);
    else localStorage.setItem(TOKEN_KEY, token);
  } catch {
    // `inMemory` has it.
  }
}
