import { createHash } from "node:crypto";
import multipart from "@fastify/multipart";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Kysely, sql } from "kysely";
import type { Database } from "../../schema.ts";
import { userAnswer } from "../http/answers.ts";
import { signedIn } from "../http/authentication.ts";
import type { Parts } from "../http/parts.ts";
import { prepare } from "../prepared.ts";
import { invalid, notFound, Refusal, tokenInvalid } from "../problems.ts";
import { toUser } from "../users/routes.ts";
import { pictureType } from "./kinds.ts";

const MOST_BYTES = 1_048_576;
/** Pictures kept for each user: the one in use, and one that pages already open may still show. */
const KEPT = 2;

interface Picture {
  media_type: string;
  content: Buffer;
}

export async function imageRoutes(app: FastifyInstance, { db, tokens, auth }: Parts): Promise<void> {
  await app.register(multipart, { limits: { files: 1, fields: 10, fileSize: MOST_BYTES }, throwFileSizeLimit: true });
  const find = prepare<{ id: string }, Picture>(db, (v) =>
    db.selectFrom("images").select(["media_type", "content"]).where("id", "=", v.id),
  );

  app.route({
    method: ["POST", "PUT"],
    url: "/user/image",
    ...userAnswer,
    onRequest: auth.required,
    // A little more than the picture, for what multipart adds.
    bodyLimit: MOST_BYTES + 65_536,
    handler: async (request) => {
      const picture = await pictureIn(request);
      return { user: toUser(await storeAvatar(db, signedIn(request), picture), tokens) };
    },
  });

  app.get<{ Params: { id: string } }>("/images/:id", async (request, reply) => {
    const { id } = request.params;
    if (!/^[0-9a-f]{32}$/.test(id)) throw notFound("image");
    const [picture] = await find.run({ id });
    if (picture === undefined) throw notFound("image");
    return sendPicture(request, reply, id, picture);
  });
}

/** A picture never changes under its id, and must not be able to do anything but be seen. */
function sendPicture(request: FastifyRequest, reply: FastifyReply, id: string, picture: Picture) {
  const etag = `"${id}"`;
  reply.headers({
    etag,
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "content-disposition": "inline",
  });
  const known = request.headers["if-none-match"] ?? "";
  if (known.split(",").some((tag) => ["*", etag, `W/${etag}`].includes(tag.trim()))) return reply.code(304).send();
  return reply.type(picture.media_type).send(picture.content);
}

/** The file in a multipart body. Throws a 422 for none or no picture, a 413 for one that is too big. */
async function pictureIn(request: FastifyRequest): Promise<Picture> {
  if (!request.isMultipart()) throw invalid({ image: ["must be sent as multipart/form-data"] });
  const content = await fileIn(request).catch((error: Error & { statusCode?: number }) => {
    if (error.statusCode === 413) throw new Refusal(413, { image: ["is too big (maximum is 1 MB)"] });
    throw invalid({ image: ["could not be read"] });
  });
  if (content === undefined) throw invalid({ image: ["can't be blank"] });
  const media_type = pictureType(content);
  if (media_type === undefined) throw invalid({ image: ["must be a PNG, JPEG, WebP or GIF picture"] });
  return { media_type, content };
}

const fileIn = async (request: FastifyRequest) => (await request.file())?.toBuffer();

async function storeAvatar(db: Kysely<Database>, userId: number, picture: Picture) {
  const id = createHash("sha256").update(`${userId} `).update(picture.content).digest("hex").slice(0, 32);
  return db.transaction().execute(async (trx) => {
    const account = await trx
      .updateTable("users")
      .set({ image: `/api/images/${id}` })
      .where("id", "=", userId)
      .returning(["id", "email", "username", "bio", "image"])
      .executeTakeFirst();
    if (account === undefined) throw tokenInvalid();
    await trx
      .insertInto("images")
      .values({ id, user_id: userId, ...picture })
      .onConflict((conflict) =>
        conflict.columns(["user_id", "id"]).doUpdateSet({ created_at: sql<Date>`clock_timestamp()` }),
      )
      .execute();
    const newest = trx
      .selectFrom("images")
      .select("id")
      .where("user_id", "=", userId)
      .orderBy("created_at", "desc")
      .limit(KEPT);
    await trx.deleteFrom("images").where("user_id", "=", userId).where("id", "not in", newest).execute();
    return account;
  });
}
