import { defineService } from "ninefold";
import type { Database } from "./schema.ts";
import { buildApp } from "./src/app.ts";
import { notifyFollowers, welcomeEmail } from "./src/jobs.ts";
import { rehearse } from "./src/rehearsal.ts";

export default defineService<Database>({
  name: "conduit",
  http: buildApp,
  migrations: "./migrations",
  assets: { folder: "./public", fallback: "index.html", appPrefixes: ["/api"] },
  warm: ["/api/articles?limit=20", "/api/articles?tag=postgres", "/api/tags"],
  rehearse,
  // What hangs on an article is placed with its author, what a user alone sees with the user.
  tables: {
    users: { key: "id", unique: ["username", "email"] },
    follows: { key: "follower_id" },
    articles: { key: "author_id", unique: ["slug"] },
    article_tags: { key: "owner_id" },
    tag_counts: { key: "slot" },
    favourites: { key: "owner_id" },
    comments: { key: "owner_id" },
    notifications: { key: "user_id" },
    images: { key: "user_id", unique: ["id"] },
  },
  jobs: { notifyFollowers, welcomeEmail },
});
