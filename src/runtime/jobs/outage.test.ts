import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { postgresBinaries } from "../../engines/postgres/binaries.ts";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { engineUser } from "../../machine/local/user.ts";
import { startJobsTest, until } from "./testing.ts";

/**
 * Kills the server as a crash would, and starts it again on the same data. The new one ends when it is disposed.
 * The killed one's lock file goes too: whoever started it has not yet collected it, so its process number looks alive; for the same reason
 * the new one opens no unix socket.
 */
async function crash(postgres: TestPostgres, connect: () => Promise<unknown>): Promise<Disposable> {
  const data = join(dirname(postgres.socketFolder), "data");
  const lock = join(data, "postmaster.pid");
  process.kill(Number((await readFile(lock, "utf8")).split("\n")[0]), "SIGKILL");
  await until("the server to be gone", () =>
    connect().then(
      () => false,
      (error) => error.code === "ECONNREFUSED",
    ),
  );
  const user = engineUser();
  const { postgres: binary } = await postgresBinaries();
  const as = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  const options = [
    "-D",
    data,
    "-c",
    `config_file=${join(dirname(data), "postgresql.conf")}`,
    "-c",
    "unix_socket_directories=",
  ];
  let server: ChildProcess | undefined;
  // It ends at once while a process of the killed one still has its memory in use.
  await until("the server to be back", async () => {
    if (server === undefined || server.exitCode !== null) {
      await rm(lock, { force: true });
      server = spawn(binary, options, { stdio: "ignore", cwd: dirname(data), ...as });
      await Promise.race([once(server, "exit"), new Promise((resolve) => setTimeout(resolve, 200))]);
    }
    return connect().then(
      () => true,
      () => false,
    );
  });
  return { [Symbol.dispose]: () => void server?.kill("SIGQUIT") };
}

test("a worker outlives the crash of its database, and every effect is applied exactly once", async () => {
  await using postgres = await startTestPostgres({ roles: true });
  await using system = await startJobsTest(postgres);
  const definitions = system.define({
    effect: {
      attempts: 50,
      backoff: { initialMs: 50, maxMs: 200 },
      run: async (job, { db }) => {
        await db
          .insertInto("effects")
          .values({ job: job.id, note: `${job.payload}` })
          .execute();
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    },
    plain: { run: async () => {} },
  });
  const jobs = system.jobs(definitions);
  const worker = system.worker(definitions, 8);
  const all = 800;
  await jobs.enqueueMany(
    "effect",
    Array.from({ length: all }, (_, i) => i),
  );
  await jobs.enqueueMany(
    "plain",
    Array.from({ length: all }, (_, i) => i),
  );
  using crashes = new DisposableStack();
  for (const enough of [100, 300]) {
    await until("some effects", async () => (await system.count("effects")) >= enough);
    crashes.use(await crash(postgres, () => system.pool.query("select 1")));
    await until(
      "the database to answer",
      () =>
        system.count("effects").then(
          () => true,
          () => false,
        ),
      50_000,
    );
  }
  await until("all jobs to be done", async () => (await system.count("graphile_worker._private_jobs")) === 0, 60_000);
  expect(await system.count("effects")).toBe(all);
  expect(await system.count("(select distinct job from effects) t")).toBe(all);
  expect(worker.stats().ready).toBe(true);
}, 180_000);
