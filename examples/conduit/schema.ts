import type { ColumnType, Generated, GeneratedAlways } from "kysely";

/** A moment that the database sets; read as a Date. */
type Moment = ColumnType<Date, Date | undefined, Date>;

/** The tables of Conduit, as Kysely sees them. The SQL stands in `migrations/`. */
export interface Database {
  users: UserTable;
  follows: FollowTable;
  articles: ArticleTable;
  article_tags: ArticleTagTable;
  tag_counts: TagCountTable;
  favourites: FavouriteTable;
  comments: CommentTable;
  notifications: NotificationTable;
  images: ImageTable;
}

interface UserTable {
  id: Generated<number>;
  username: string;
  email: string;
  password_hash: string;
  bio: string | null;
  image: string | null;
  /** How many articles the user has published; kept by every statement that adds or removes an article. */
  articles_count: Generated<number>;
  created_at: Moment;
}

interface FollowTable {
  follower_id: number;
  followee_id: number;
}

interface ArticleTable {
  /** Rises with time: the newest article has the highest id. */
  id: Generated<number>;
  author_id: number;
  slug: string;
  title: string;
  description: string;
  body: string;
  /** The tags in the order the author gave; `article_tags` holds the same for searching. */
  tag_list: string[];
  /** Number of rows in `favourites`; kept by every statement that adds or removes one. */
  favourites_count: Generated<number>;
  created_at: Moment;
  updated_at: Moment;
}

/** What hangs on an article carries the article's author as `owner_id`, so that it lives on the same shard. */
interface ArticleTagTable {
  owner_id: number;
  article_id: number;
  tag: string;
}

/** Articles per tag, in several rows that are added up; see `src/articles/counts.ts`. */
interface TagCountTable {
  slot: number;
  tag: string;
  articles: number;
}

interface FavouriteTable {
  user_id: number;
  owner_id: number;
  article_id: number;
}

interface CommentTable {
  id: GeneratedAlways<number>;
  owner_id: number;
  article_id: number;
  author_id: number;
  body: string;
  created_at: Moment;
}

interface NotificationTable {
  id: GeneratedAlways<number>;
  user_id: number;
  owner_id: number;
  article_id: number;
  created_at: Moment;
  read_at: Date | null;
}

interface ImageTable {
  /** First 128 bits of the SHA-256 of owner and content, in hexadecimal. */
  id: string;
  user_id: number;
  media_type: string;
  content: Buffer;
  created_at: Moment;
}
