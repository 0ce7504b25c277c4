/**
 * Conduit's endpoints as a good engineer writes them by hand: Fastify, node-postgres, prepared statements, one pool.
 * The database, its schema and the shape of the answers are those of examples/conduit. Only for comparison: `bench/conduit.ts`
 * starts it with DATABASE_URL, PORT and CONNECTIONS in its environment.
 */
import Fastify from "fastify";
import { Pool } from "pg";
import { articleRoutes } from "./articles.ts";
import { authentication } from "./auth.ts";
import { commentRoutes } from "./comments.ts";
import { userRoutes } from "./users.ts";

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.CONNECTIONS ?? 10),
  min: 1,
});
const app = Fastify({ forceCloseConnections: true });
const parts = { app, pool, auth: authentication("the secret of the peer") };
app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
  const status = error.statusCode ?? 500;
  if (status === 500) console.error(error);
  return reply.code(status).send({ errors: { request: [error.message] } });
});
userRoutes(parts);
articleRoutes(parts);
commentRoutes(parts);
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT ?? 3000) });

process.once("SIGTERM", async () => {
  await app.close();
  await pool.end();
});
