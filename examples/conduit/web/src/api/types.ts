/** What the API answers; see the RealWorld specification. */

export interface Profile {
  readonly username: string;
  readonly bio: string | null;
  readonly image: string | null;
  readonly following: boolean;
}

export interface User {
  readonly username: string;
  readonly email: string;
  readonly token: string;
  readonly bio: string | null;
  readonly image: string | null;
}

/** An article as lists carry it: without its body. */
export interface ArticleSummary {
  readonly slug: string;
  readonly title: string;
  readonly description: string;
  readonly tagList: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly favorited: boolean;
  readonly favoritesCount: number;
  readonly author: Profile;
}

export interface Article extends ArticleSummary {
  /** Markdown, written by a stranger. */
  readonly body: string;
}

export interface ArticlePage {
  readonly articles: readonly ArticleSummary[];
  /** Of the whole list, not of this page. */
  readonly articlesCount: number;
}

export interface Comment {
  readonly id: number;
  readonly createdAt: string;
  readonly body: string;
  readonly author: Profile;
}

export interface Notification {
  readonly id: number | string;
  readonly article: { readonly slug: string; readonly title: string };
  readonly author: { readonly username: string; readonly image: string | null };
  readonly createdAt: string;
  readonly read: boolean;
}

export interface NotificationPage {
  readonly notifications: readonly Notification[];
  readonly notificationsCount: number;
  readonly unreadCount: number;
}

export interface Draft {
  readonly title: string;
  readonly description: string;
  readonly body: string;
  readonly tagList: readonly string[];
}

export interface Registration {
  readonly username: string;
  readonly email: string;
  readonly password: string;
}

/** Fields left out stay as they are; an empty `bio` or `image` is removed. */
export interface UserChange {
  readonly username?: string;
  readonly email?: string;
  readonly password?: string;
  readonly bio?: string;
  readonly image?: string;
}
