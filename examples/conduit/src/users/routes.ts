import type { FastifyInstance } from "fastify";
import { newUserAnswer, userAnswer } from "../http/answers.ts";
import { signedIn } from "../http/authentication.ts";
import type { Parts } from "../http/parts.ts";
import { Input } from "../input.ts";
import type { Tokens } from "../token.ts";
import { type Account, accounts } from "./accounts.ts";

const USERNAME = { max: 64 };
const EMAIL = { max: 254 };
const PASSWORD = { max: 1024 };

export function userRoutes(app: FastifyInstance, { db, jobs, tokens, auth }: Parts): void {
  const users = accounts(db, jobs);

  app.post("/users", newUserAnswer, async (request, reply) => {
    const input = new Input(request.body, "user");
    const registration = {
      username: input.required("username", USERNAME),
      email: input.required("email", EMAIL),
      password: input.required("password", PASSWORD),
    };
    input.check();
    const account = await users.register(registration);
    reply.code(201);
    return { user: toUser(account, tokens) };
  });

  app.post("/users/login", userAnswer, async (request) => {
    const input = new Input(request.body, "user");
    const email = input.required("email", EMAIL);
    const password = input.required("password", PASSWORD);
    input.check();
    return { user: toUser(await users.signIn(email, password), tokens) };
  });

  app.get("/user", { ...userAnswer, onRequest: auth.required }, async (request) => {
    return { user: toUser(await users.get(signedIn(request)), tokens) };
  });

  app.put("/user", { ...userAnswer, onRequest: auth.required }, async (request) => {
    const input = new Input(request.body, "user");
    const changes = given({
      username: input.optional("username", USERNAME),
      email: input.optional("email", EMAIL),
      password: input.optional("password", PASSWORD),
      bio: input.nullable("bio", { max: 5_000 }),
      image: input.nullable("image", { max: 2_048 }),
    });
    input.check();
    return { user: toUser(await users.change(signedIn(request), changes), tokens) };
  });
}

/** The signed-in user as the API gives it. */
export function toUser({ email, username, bio, image, id }: Account, tokens: Tokens) {
  return { email, username, bio, image, token: tokens.issue(id) };
}

/** The fields that were given. */
function given<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
