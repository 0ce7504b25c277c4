import type { CheckDefinition, Plan, Request, Run, User, Visitor } from "./definition.ts";
import { CheckSetupError } from "./errors.ts";
import { createSession, type Reply, type Session } from "./http/session.ts";
import { createRandom } from "./random.ts";

/** A signed-up user with its connection. */
export interface Person {
  readonly user: User<unknown, unknown>;
  readonly session: Session;
  readonly visitor: Visitor;
}

export interface UsersOptions {
  readonly definition: CheckDefinition<unknown, unknown>;
  readonly origin: string;
  readonly count: number;
  readonly timeoutMs: number;
  readonly seed: number;
  readonly run: Run;
}

/** Sign-ups under way at a time; signing up hashes a password, which is slow by design. */
const AT_ONCE = 8;

/**
 * Signs all users up: even numbers keep cookies as a browser does, odd ones send only `Authorization`.
 * @throws CheckSetupError when one cannot.
 */
export async function enterUsers(options: UsersOptions): Promise<readonly Person[]> {
  const { definition, origin, count, timeoutMs, seed, run } = options;
  const world = definition.world();
  const names = Array.from({ length: count }, (_, number) => `${run.id}u${number}`);
  const sessions: Session[] = [];
  const enter = async (number: number): Promise<Person> => {
    const name = names[number] ?? "";
    const cookies = number % 2 === 0;
    const session = createSession({ origin, cookies, timeoutMs });
    sessions.push(session);
    const visitor = createVisitor(name, run, session);
    const entry = await definition.users.enter(visitor, world).catch((error: unknown) => {
      const says = `user ${number} could not sign up: ${error instanceof Error ? error.message : String(error)}`;
      throw new CheckSetupError(origin, says, { cause: error });
    });
    session.authorization = entry.authorization;
    const random = createRandom(seed, number + 1);
    return { user: { number, name, cookies, state: entry.state, world, run, random, names }, session, visitor };
  };
  const people: Person[] = [];
  let next = 0;
  const line = async () => {
    while (next < count) {
      const number = next++;
      people[number] = await enter(number);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, line));
  } catch (error) {
    next = count;
    await Promise.all(sessions.map((session) => session.close()));
    throw error;
  }
  return people;
}

function createVisitor(name: string, run: Run, session: Session): Visitor {
  const send: Visitor["send"] = async (request: Request) => {
    const reply = await new Promise<Reply>((resolve) => session.send(request, resolve));
    if (!reply.answered) throw new Error(`${request.method} ${request.path}: ${reply.reason}`);
    return { status: reply.status, body: parse(reply.body) };
  };
  return {
    name,
    run,
    send,
    async get(path, options) {
      const { status, body } = await send({ method: "GET", path, ...options });
      if (status !== 200) throw new Error(`GET ${path}: status ${status}`);
      return body;
    },
  };
}

/** JSON, or the text itself where it is none (an error page, say). */
function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** The requests that each user makes before the run begins. */
export function preparations(definition: CheckDefinition<unknown, unknown>, person: Person): Iterable<Plan> {
  return definition.users.prepare?.(person.user) ?? [];
}
