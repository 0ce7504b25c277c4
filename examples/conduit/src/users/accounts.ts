import type { Kysely } from "kysely";
import type { Jobs } from "ninefold";
import type { Database } from "../../schema.ts";
import { hashPassword, verifyPassword } from "../password.ts";
import { prepare } from "../prepared.ts";
import { invalid, isDuplicate, Refusal, tokenInvalid } from "../problems.ts";

export interface Account {
  readonly id: number;
  readonly email: string;
  readonly username: string;
  readonly bio: string | null;
  readonly image: string | null;
}

export interface Registration {
  readonly username: string;
  readonly email: string;
  readonly password: string;
}

/** What a user may change; what is left out stays. */
export type Changes = Partial<Registration & Pick<Account, "bio" | "image">>;

const ACCOUNT = ["id", "email", "username", "bio", "image"] as const;

/** The accounts of users: registering, signing in, reading and changing them. */
export function accounts(db: Kysely<Database>, jobs: Jobs<Database>) {
  const byId = prepare<{ id: number }, Account>(db, (v) =>
    db.selectFrom("users").select(ACCOUNT).where("id", "=", v.id),
  );

  return {
    /** Throws a 409 when the username or e-mail address is taken. The welcome e-mail is sent if and only if the user is there. */
    async register({ username, email, password }: Registration): Promise<Account> {
      const user = { username, email, password_hash: await hashPassword(password) };
      return refuseTaken(db, { username, email }, () =>
        db.transaction().execute(async (trx) => {
          const account = await trx.insertInto("users").values(user).returning(ACCOUNT).executeTakeFirstOrThrow();
          await jobs.enqueue("welcomeEmail", { userId: account.id }, { trx });
          return account;
        }),
      );
    },

    /**
     * Throws a 401 when there is no such user or the password is another. Accounts that were made and passwords that were changed
     * a moment ago, by whomever, count: so it is asked in a transaction, which reads from the primary.
     */
    async signIn(email: string, password: string): Promise<Account> {
      const found = await db.transaction().execute((trx) =>
        trx
          .selectFrom("users")
          .select([...ACCOUNT, "password_hash"])
          .where("email", "=", email)
          .executeTakeFirst(),
      );
      if ((await verifyPassword(password, found?.password_hash)) && found !== undefined) return found;
      throw new Refusal(401, { credentials: ["invalid"] });
    },

    /** Throws a 401 when the user that the token names is gone. */
    async get(id: number): Promise<Account> {
      const [account] = await byId.run({ id });
      if (account === undefined) throw tokenInvalid();
      return account;
    },

    /** Throws a 409 when the new username or e-mail address is taken, a 422 when nothing is given. */
    async change(id: number, { password, ...changes }: Changes): Promise<Account> {
      const set = { ...changes, ...(password !== undefined && { password_hash: await hashPassword(password) }) };
      if (Object.keys(set).length === 0) throw invalid({ user: ["can't be blank"] });
      const { username, email } = changes;
      const account = await refuseTaken(db, { id, username, email }, () =>
        db.updateTable("users").set(set).where("id", "=", id).returning(ACCOUNT).executeTakeFirst(),
      );
      if (account === undefined) throw tokenInvalid();
      return account;
    },
  };
}

/** Runs a write of a user's row; when it meets a taken name, says all that is taken. */
async function refuseTaken<T>(
  db: Kysely<Database>,
  wanted: { id?: number; username: string | undefined; email: string | undefined },
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    const { id = 0, username = null, email = null } = wanted;
    const others = await db
      .selectFrom("users")
      .select(["username", "email"])
      .where("id", "<>", id)
      .where((user) => user.or([user("username", "=", username), user("email", "=", email)]))
      .execute();
    const taken = ["has already been taken"];
    throw new Refusal(409, {
      ...(others.some((user) => user.username === username) && { username: taken }),
      ...(others.some((user) => user.email === email) && { email: taken }),
    });
  }
}
