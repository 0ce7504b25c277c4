// Reads on standbys and synchronous writes beside node-postgres on the same members, in alternate runs, and where reads go that
// follow a write of the same user. A write is built with Kysely, as a service does it, and given as the text that node-postgres
// is given as well: `node --conditions=ninefold-source bench/replicas.ts [--runs 5] [--seconds 5] [--users 32]`.
import { parseArgs } from "node:util";
import { CompiledQuery } from "kysely";
import { Pool } from "pg";
import { openDatabase } from "../src/runtime/data/index.ts";
import { startTestCluster, type TestMember, until } from "../src/runtime/data/testing-standbys.ts";
import { runWithSession, sessionCodec } from "../src/runtime/session/index.ts";
import { median, spread, table } from "./table.ts";

interface Tables {
  article: { id: number; slug: string; title: string; body: string; likes: number };
  comment: { id: number; article_id: number; body: string };
}

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "5" },
    users: { type: "string", default: "32" },
  },
});
const [runs, seconds, users] = [values.runs, values.seconds, values.users].map(Number) as [number, number, number];
const ARTICLES = 10_000;
const CONNECTIONS = 8;

await using cluster = await startTestCluster({ standbys: 2, fsync: true });
const [primary, ...standbys] = cluster.members as [TestMember, ...TestMember[]];
await primary.run(`
  create table article (id int primary key, slug text unique, title text, body text, likes int not null default 0);
  create table comment (id int generated always as identity primary key, article_id int references article, body text);
  insert into article select n, 'a-' || n, 'title ' || n, repeat('words of article ' || n || ' ', 20) from generate_series(1, ${ARTICLES}) n;
  insert into comment (article_id, body) select 1 + n % ${ARTICLES}, 'comment ' || n from generate_series(1, ${ARTICLES * 3}) n;
  create index on comment (article_id);
  analyze;
  grant all on article, comment to ninefold_service`);
for (const standby of standbys) await cluster.caughtUp(standby);

const database = openDatabase<Tables>({
  endpoints: cluster.endpoints(),
  credentials: primary.server.service,
  connections: CONNECTIONS,
  holdMs: 5_000,
});
await until(() => database.stats().standbys?.open === 2);
const pool = ({ address: { host, port, database: name } }: TestMember) =>
  new Pool({ host, port, database: name, ...primary.server.service, max: CONNECTIONS });
const pools = { primary: pool(primary), standbys: standbys.map(pool) };
const codec = sessionCodec({ keys: ["k".repeat(32)], deployment: "bench" });

const anyArticle = () => 1 + Math.floor(Math.random() * ARTICLES);

/** One request of a user: its token, and the token it gets. */
type Operation = (token: string | undefined, user: number) => Promise<string | undefined>;

function inSession(work: () => Promise<unknown>): Operation {
  return async (token) => {
    const session = codec.open(token);
    await runWithSession(session, work);
    return session.dirty ? session.encode(codec) : token;
  };
}

const bySlug = (id: number) =>
  database.db.selectFrom("article").selectAll().where("slug", "=", `a-${id}`).executeTakeFirst();
const commentsOf = (id: number) =>
  database.db.selectFrom("comment").selectAll().where("article_id", "=", id).orderBy("id").execute();
const comment = (id: number) =>
  database.db
    .insertInto("comment")
    .values({ article_id: id, body: "well said" } as never)
    .returning("id")
    .executeTakeFirst();

const SLUG = { name: "slug", text: "select * from article where slug = $1" };
const COMMENTS = { name: "comments", text: "select * from comment where article_id = $1 order by id" };
const INSERT = { name: "insert", text: "insert into comment (article_id, body) values ($1, $2) returning id" };

const reads: Record<string, Operation> = {
  ours: inSession(async () => {
    const id = anyArticle();
    await bySlug(id);
    await commentsOf(id);
  }),
  peer: async (token, user) => {
    const id = anyArticle();
    const standby = pools.standbys[user % pools.standbys.length] as Pool;
    await standby.query({ ...SLUG, values: [`a-${id}`] });
    await standby.query({ ...COMMENTS, values: [id] });
    return token;
  },
};
const writes: Record<string, Operation> = {
  ours: inSession(() => comment(anyArticle())),
  "ours, as text": inSession(() =>
    database.db.executeQuery(CompiledQuery.raw(INSERT.text, [anyArticle(), "well said"])),
  ),
  peer: async (token) => {
    await pools.primary.query({ ...INSERT, values: [anyArticle(), "well said"] });
    return token;
  },
};
const readOwnWrite = inSession(async () => {
  const id = anyArticle();
  await comment(id);
  await commentsOf(id);
});

/** Operations a second of all users together, each with its own token, one operation at a time. */
async function rate(operation: Operation): Promise<number> {
  const until = performance.now() + seconds * 1_000;
  let done = 0;
  const user = async (number: number) => {
    for (let token: string | undefined; performance.now() < until; done++) token = await operation(token, number);
  };
  await Promise.all(Array.from({ length: users }, (_, number) => user(number)));
  return done / seconds;
}

const rows = [["operation", "side", "operations/s"]];
const ratios: string[] = [];
for (const [name, sides, bar] of [
  ["two reads", reads, 0.97],
  ["write", writes, 0.95],
] as const) {
  const seen = new Map(Object.keys(sides).map((side) => [side, [] as number[]]));
  for (const operation of Object.values(sides)) await rate(operation); // warms up
  for (let run = 0; run < runs; run++) {
    const order = Object.entries(sides);
    for (const [side, operation] of run % 2 === 0 ? order : order.reverse())
      seen.get(side)?.push(await rate(operation));
  }
  for (const [side, rates] of seen) rows.push([name, side, spread(rates)]);
  for (const side of [...seen.keys()].filter((one) => one !== "peer")) {
    const ratio = median(seen.get(side) ?? []) / median(seen.get("peer") ?? []);
    ratios.push(`${name}: ${side} / peer = ${ratio.toFixed(2)} (bar ${bar})`);
  }
}
const before = database.stats().standbys?.reads ?? 0;
let mixed = 0;
await rate(async (token, user) => {
  mixed++;
  return readOwnWrite(token, user);
});
const share = ((database.stats().standbys?.reads ?? 0) - before) / mixed;
console.log(`${table(rows)}\n${ratios.join("\n")}`);
console.log(`reads right after a write of the same user, served by standbys: ${(100 * share).toFixed(1)} % (bar 90 %)`);
await Promise.all([pools.primary, ...pools.standbys].map((one) => one.end()));
await database.close();
