/** Addresses of pages; every name in them comes from a user and is escaped here. */
export const profilePath = (username: string): string => `/profile/${encodeURIComponent(username)}`;
export const articlePath = (slug: string): string => `/article/${encodeURIComponent(slug)}`;
export const editorPath = (slug: string): string => `/editor/${encodeURIComponent(slug)}`;
export const tagPath = (tag: string): string => `/tag/${encodeURIComponent(tag)}`;
