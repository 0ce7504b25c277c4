import { expect, test } from "vitest";
import { startTestProxy } from "../data/testing-proxy.ts";
import { startTestCluster, type TestMember, until } from "../data/testing-standbys.ts";
import { serviceFolder } from "./testing.ts";

const SERVICE = `
import { defineService } from "ninefold";
export default defineService({
  name: "notes",
  migrations: "./migrations",
  jobs: { note: { run: async (_, { db }) => { await db.insertInto("notes").values({ id: 1 }).execute(); } } },
  http: () => (_, response) => response.end(),
});`;
const MIGRATION = `
export async function up(db) {
  await db.schema.createTable("notes").addColumn("id", "integer").execute();
}`;

/** The system without its control plane: the endpoints stay as they were. */
test.each(["killed", "silent"])(
  "with the primary %s and nobody to say so, jobs run on the member that took over, and migrations find it",
  async (how) => {
    await using cluster = await startTestCluster({ standbys: 1 });
    const [old, next] = cluster.members as [TestMember, TestMember];
    await using proxy = await startTestProxy(old.address);
    await using service = await serviceFolder(old.server);
    const standbys = [next.address];
    const clusters = { main: { primary: { ...old.address, port: proxy.port }, standbys } };
    await service.write("endpoints.json", JSON.stringify({ ...cluster.endpoints(), clusters }));
    await service.write("service.ts", SERVICE);
    await service.write("migrations/001-notes.ts", MIGRATION);
    expect(await service.run("migrate")).toMatchObject({ code: 0, answer: { ok: true } });
    const worker = await service.start("worker");
    await worker.until("ready");

    if (how === "killed") proxy.down();
    else proxy.silence();
    await next.run("select pg_promote()");
    const began = performance.now();
    await next.run(`select ninefold.enqueue('note', '[{"payload":{}}]', 10, null, null, null, null, null)`);
    await until(async () => (await next.rows("select from notes")).length === 1);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(await service.run("migrate")).toMatchObject({ code: 0, answer: { ok: true, applied: [] } });
  },
);
