import type { FastifyInstance } from "fastify";
import { ALL } from "../articles/counts.ts";
import { tagsAnswer } from "../http/answers.ts";
import type { Parts } from "../http/parts.ts";
import { prepare } from "../prepared.ts";

/** All tags in use, the most used first. */
export function tagRoutes(app: FastifyInstance, { db }: Parts): void {
  const list = prepare<object, { tag: string }>(db, () =>
    db
      .selectFrom("tag_counts")
      .select("tag")
      .where("tag", "<>", ALL)
      .groupBy("tag")
      .having((eb) => eb(eb.fn.sum("articles"), ">", 0))
      .orderBy((eb) => eb.fn.sum("articles"), "desc")
      .orderBy("tag"),
  );

  app.get("/tags", tagsAnswer, async () => ({ tags: (await list.run({})).map((row) => row.tag) }));
}
