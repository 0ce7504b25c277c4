import { type Kysely, sql } from "kysely";
import type { JobDefinition } from "ninefold";
import type { Database } from "../schema.ts";
import { sendMail } from "./mail.ts";

export interface NotifyFollowers {
  readonly authorId: number;
  readonly articleId: number;
}

export interface WelcomeEmail {
  readonly userId: number;
}

/** A notification for each follower of the author; a transaction of the job's own makes it once and for all. */
export const notifyFollowers: JobDefinition<NotifyFollowers, Database> = {
  run: async ({ payload }, { db }) => addNotifications(db, payload),
};

/** The article is locked, so that deleting it at the same moment leaves no notification behind. */
async function addNotifications(db: Kysely<Database>, { authorId, articleId }: NotifyFollowers): Promise<void> {
  await sql`
    insert into notifications (user_id, owner_id, article_id)
    select f.follower_id, a.author_id, a.id
    from articles a join follows f on f.followee_id = a.author_id
    where a.author_id = ${authorId} and a.id = ${articleId} and f.follower_id <> a.author_id
    for key share of a`.execute(db);
}

/** Welcomes a new user by e-mail. Written to a folder, it is one file however often the job runs. */
export const welcomeEmail: JobDefinition<WelcomeEmail, Database> = {
  run: async ({ id, payload }, { db, folder }) => {
    const user = await db
      .selectFrom("users")
      .select(["username", "email"])
      .where("id", "=", payload.userId)
      .executeTakeFirst();
    if (user === undefined) return;
    await sendMail(folder, id, {
      to: { name: user.username, address: user.email },
      subject: "Welcome to Conduit",
      text: `Hello ${user.username},\n\nwelcome to Conduit, a place to share your knowledge.\n\nYour first article is one click on "New Article" away.\n`,
    });
  },
  attempts: 10,
};
