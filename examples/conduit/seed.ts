import type { Kysely } from "kysely";
import type { Database } from "./schema.ts";
import { slugOf } from "./src/articles/slug.ts";
import { hashPassword } from "./src/password.ts";
import { insertArticles, insertFollows, insertUsers, type SeedArticle } from "./src/seed/insert.ts";
import { person } from "./src/seed/people.ts";
import { createRandom, distinct, type Random, zipf } from "./src/seed/random.ts";
import { SUBJECTS } from "./src/seed/subjects.ts";
import { createWriter } from "./src/seed/writer.ts";

export interface SeedOptions {
  readonly db: Kysely<Database>;
  /** Number of articles; a tenth as many users (at least 10), about 3 comments and 5 favourites an article. */
  readonly size: number;
  /** Told how far it is, from 0 to 1, and what it is doing. */
  readonly progress?: (share: number, doing: string) => void;
  /** The same number gives the same data in an empty database. Default 1. */
  readonly random?: number;
}

const BATCH = 1_000;
const TWO_YEARS_MS = 2 * 365 * 24 * 60 * 60 * 1000;
const PASSWORD = "password";
/** What most users follow, at most. */
const FOLLOWS = 20;

/**
 * Fills the database with made-up users, articles, comments, favourites and follows, all skewed as in life: few authors write
 * much and have most of the readers. Every user's password is `password`, the e-mail address `<username>@example.com`.
 * Run again, it adds as much again.
 */
// biome-ignore lint/style/noDefaultExport: `ninefold seed` calls the default export
export default async function seed({
  db,
  size,
  progress = () => {},
  random: seedNumber = 1,
}: SeedOptions): Promise<void> {
  const random = createRandom(seedNumber);
  const before = await inUse(db);
  const users = await seedUsers(db, random, Math.max(10, Math.ceil(size / 10)), before.users);
  const write = articleWriter(random, users);

  // The ids of articles rise with time, so these begin where the last ones ended.
  const now = Date.now();
  const start = Math.max(before.latest, now - TWO_YEARS_MS);
  let inserting = Promise.resolve();
  for (let written = 0; written < size; ) {
    const batch = Array.from({ length: Math.min(BATCH, size - written) }, (_, index) => {
      const number = written + index + 1;
      return write(before.articles + number, start + ((now - start) * number) / (size + 1), now);
    });
    // While the database takes one batch, the next is being written.
    await inserting;
    progress(written / size, `${written} of ${size} articles`);
    inserting = insertArticles(db, batch);
    written += batch.length;
  }
  await inserting;
  progress(1, `${size} articles`);
}

/** Highest ids in use, and the time of the latest article. */
async function inUse(db: Kysely<Database>) {
  const user = await db.selectFrom("users").select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  const article = await db
    .selectFrom("articles")
    .select(["id", "created_at"])
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  return { users: user?.id ?? 0, articles: article?.id ?? 0, latest: article?.created_at.getTime() ?? 0 };
}

/** The ids of the new users, the most popular first. */
async function seedUsers(db: Kysely<Database>, random: Random, count: number, numbered: number): Promise<number[]> {
  const hash = await hashPassword(PASSWORD);
  const subjects = SUBJECTS.map((subject) => subject.name);
  const ids: number[] = [];
  for (let done = 0; done < count; done = ids.length) {
    const people = Array.from({ length: Math.min(BATCH, count - done) }, (_, index) =>
      person(random, numbered + done + index + 1, subjects),
    );
    ids.push(...(await insertUsers(db, people, hash)));
  }

  const popular = zipf(random, count, 0.9);
  for (let done = 0; done < count; done += BATCH) {
    const followers: number[] = [];
    const followees: number[] = [];
    for (const id of ids.slice(done, done + BATCH)) {
      for (const rank of distinct(random.between(0, Math.min(FOLLOWS, count - 1)), popular)) {
        const followee = ids[rank];
        if (followee === undefined || followee === id) continue;
        followers.push(id);
        followees.push(followee);
      }
    }
    await insertFollows(db, followers, followees);
  }
  return ids;
}

function articleWriter(random: Random, users: readonly number[]) {
  const writer = createWriter(random);
  const prolific = zipf(random, users.length, 0.7);
  const subjects = zipf(random, SUBJECTS.length, 0.8);

  /** How often something happens that mostly happens seldom: `typical` on average, now and then twenty times that. */
  const skewed = (typical: number) =>
    Math.min(Math.floor((typical * 0.5) / (random.next() + 0.025) ** 0.75), users.length);

  return (number: number, at: number, now: number): SeedArticle => {
    const subject = SUBJECTS[subjects()] ?? random.pick(SUBJECTS);
    const title = writer.title(subject);
    const moments = Array.from({ length: skewed(3) }, () => at + random.next() ** 3 * (now - at)).sort((a, b) => a - b);
    return {
      author_id: users[prolific()] ?? random.pick(users),
      slug: `${slugOf(title)}-${number.toString(36)}`,
      title,
      description: writer.description(subject),
      body: writer.body(subject),
      tags: writer.tags(subject),
      at,
      fans: distinct(skewed(5), () => random.pick(users)),
      comments: moments.map((moment) => ({ author: random.pick(users), body: writer.remark(subject), at: moment })),
    };
  };
}
