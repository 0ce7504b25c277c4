import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { newUserAnswer, profileAnswer, userAnswer } from "../../examples/conduit/src/http/answers.ts";
import { type Parts, refuse } from "./auth.ts";

interface User {
  id: number;
  username: string;
  email: string;
  bio: string | null;
  image: string | null;
}

const derive = promisify<string, Buffer, number, Buffer>(scrypt);
const COLUMNS = "id, username, email, bio, image";
const credentials = {
  type: "object",
  required: ["email", "password"],
  properties: { email: { type: "string" }, password: { type: "string" } },
};
const userBody = (user: object) => ({ type: "object", required: ["user"], properties: { user } });

export function userRoutes({ app, pool, auth }: Parts): void {
  const toUser = ({ id, ...user }: User) => ({ user: { ...user, token: auth.issue(id) } });

  app.post<{ Body: { user: { username: string; email: string; password: string } } }>(
    "/api/users",
    { schema: { ...newUserAnswer.schema, body: userBody(credentials) } },
    async (request, reply) => {
      const { username, email, password } = request.body.user;
      const salt = randomBytes(16);
      const key = await derive(password, salt, 32);
      const client = await pool.connect();
      try {
        await client.query("begin");
        const { rows } = await client.query<User>({
          name: "register",
          text: `insert into users (username, email, password_hash) values ($1, $2, $3) returning ${COLUMNS}`,
          values: [username, email, `${salt.toString("base64url")}.${key.toString("base64url")}`],
        });
        await client.query("select graphile_worker.add_job('welcomeEmail', $1)", [
          { payload: { userId: rows[0]?.id } },
        ]);
        await client.query("commit");
        reply.code(201);
        return toUser(rows[0] as User);
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
  );

  app.post<{ Body: { user: { email: string; password: string } } }>(
    "/api/users/login",
    { schema: { ...userAnswer.schema, body: userBody(credentials) } },
    async (request) => {
      const { email, password } = request.body.user;
      const { rows } = await pool.query<User & { password_hash: string }>({
        name: "login",
        text: `select ${COLUMNS}, password_hash from users where email = $1`,
        values: [email],
      });
      const [user] = rows;
      const [salt = "", key = ""] = user?.password_hash.split(".") ?? [];
      const given = await derive(password, Buffer.from(salt, "base64url"), 32);
      const expected = Buffer.from(key, "base64url");
      if (user === undefined || expected.length !== given.length || !timingSafeEqual(given, expected)) {
        throw refuse(401, "credentials invalid");
      }
      return toUser(user);
    },
  );

  app.get("/api/user", userAnswer, async (request) => {
    const { rows } = await pool.query<User>({
      name: "user",
      text: `select ${COLUMNS} from users where id = $1`,
      values: [auth.required(request)],
    });
    return toUser(rows[0] as User);
  });

  app.put<{ Body: { user: Partial<User> } }>(
    "/api/user",
    { schema: { ...userAnswer.schema, body: userBody({ type: "object" }) } },
    async (request) => {
      const { username, email, bio, image } = request.body.user;
      const { rows } = await pool.query<User>({
        name: "update user",
        text: `update users set username = coalesce($2, username), email = coalesce($3, email),
            bio = coalesce($4, bio), image = coalesce($5, image)
          where id = $1 returning ${COLUMNS}`,
        values: [auth.required(request), username, email, bio, image],
      });
      return toUser(rows[0] as User);
    },
  );

  interface Named {
    Params: { username: string };
  }

  const profileOf = async (username: string, viewer: number) => {
    const { rows } = await pool.query({
      name: "profile",
      text: `select id, username, bio, image,
          exists (select 1 from follows where follower_id = $2 and followee_id = users.id) as following
        from users where username = $1`,
      values: [username, viewer],
    });
    if (rows[0] === undefined) throw refuse(404, "profile not found");
    return rows[0];
  };

  app.get<Named>("/api/profiles/:username", profileAnswer, async (request) => ({
    profile: await profileOf(request.params.username, auth.viewer(request)),
  }));

  app.post<Named>("/api/profiles/:username/follow", profileAnswer, async (request) => {
    const viewer = auth.required(request);
    const profile = await profileOf(request.params.username, viewer);
    await pool.query({
      name: "follow",
      text: "insert into follows (follower_id, followee_id) values ($1, $2) on conflict do nothing",
      values: [viewer, profile.id],
    });
    return { profile: { ...profile, following: true } };
  });
}
