import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { profileAnswer } from "../http/answers.ts";
import { signedIn } from "../http/authentication.ts";
import type { Parts } from "../http/parts.ts";
import { isStorable } from "../input.ts";
import { prepare } from "../prepared.ts";
import { notFound } from "../problems.ts";

interface Profile {
  username: string;
  bio: string | null;
  image: string | null;
  following: boolean;
}

interface Named {
  Params: { username: string };
}

export function profileRoutes(app: FastifyInstance, { db, auth }: Parts): void {
  // No user has the id 0: a stranger follows nobody.
  const find = prepare<{ username: string; viewer: number }, Profile>(db, (v) =>
    db
      .selectFrom("users as u")
      .select(["u.username", "u.bio", "u.image"])
      .select((user) =>
        user
          .exists(
            user
              .selectFrom("follows as f")
              .select("f.followee_id")
              .where("f.follower_id", "=", v.viewer)
              .whereRef("f.followee_id", "=", "u.id"),
          )
          .$castTo<boolean>()
          .as("following"),
      )
      .where("u.username", "=", v.username),
  );
  const follow = prepare<{ username: string; viewer: number }, Profile>(db, (v) =>
    db
      .with("target", (cte) =>
        cte.selectFrom("users").select(["id", "username", "bio", "image"]).where("username", "=", v.username),
      )
      .with("followed", (cte) =>
        cte
          .insertInto("follows")
          .columns(["follower_id", "followee_id"])
          .expression((target) =>
            target.selectFrom("target").select([sql<number>`${v.viewer}::integer`.as("follower_id"), "target.id"]),
          )
          .onConflict((conflict) => conflict.doNothing()),
      )
      .selectFrom("target")
      .select(["username", "bio", "image"])
      .select((target) => target.lit(true).as("following")),
  );
  const unfollow = prepare<{ username: string; viewer: number }, Profile>(db, (v) =>
    db
      .with("target", (cte) =>
        cte.selectFrom("users").select(["id", "username", "bio", "image"]).where("username", "=", v.username),
      )
      .with("unfollowed", (cte) =>
        cte
          .deleteFrom("follows")
          .where("follower_id", "=", v.viewer)
          .where("followee_id", "=", (target) => target.selectFrom("target").select("target.id")),
      )
      .selectFrom("target")
      .select(["username", "bio", "image"])
      .select((target) => target.lit(false).as("following")),
  );

  const answer = async (statement: typeof find, username: string, viewer: number) => {
    const [profile] = isStorable(username) ? await statement.run({ username, viewer }) : [];
    if (profile === undefined) throw notFound("profile");
    return { profile };
  };

  app.get<Named>("/profiles/:username", { ...profileAnswer, onRequest: auth.optional }, (request) =>
    answer(find, request.params.username, request.viewer ?? 0),
  );
  app.post<Named>("/profiles/:username/follow", { ...profileAnswer, onRequest: auth.required }, (request) =>
    answer(follow, request.params.username, signedIn(request)),
  );
  app.delete<Named>("/profiles/:username/follow", { ...profileAnswer, onRequest: auth.required }, (request) =>
    answer(unfollow, request.params.username, signedIn(request)),
  );
}
