import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestPostgres } from "../../engines/postgres/testing.ts";
import { freePort } from "../../machine/free-port.ts";
import { unixRequest } from "../../machine/unix-http.ts";
import { type Mover, type MoveServers, startMoveServers } from "../data/testing-fence.ts";
import { serviceFolder } from "./testing.ts";

let servers: MoveServers;
let source: TestPostgres;
let target: TestPostgres;
let from: Mover;
let to: Mover;
beforeAll(async () => {
  servers = await startMoveServers();
  ({ source, target, from, to } = servers);
}, 60_000);
afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

const SERVICE = `
import { defineService } from "ninefold";
export default defineService({
  name: "notes",
  http: ({ db }) => async (request, response) => {
    const id = Number(request.url.slice(1));
    await db.transaction().execute((trx) => trx.insertInto("note").values({ id }).execute());
    response.end(JSON.stringify(await db.selectFrom("note").selectAll().where("id", "=", id).execute()));
  },
});`;

test.each(["pushed", "only in the file, the control plane being dead"])(
  "an app serves through a move whose endpoints are %s, and says when it has switched",
  async (how) => {
    for (const mover of [from, to]) {
      await mover.run("delete from ninefold.fence; drop table if exists note");
      await mover.run("set role ninefold_owner; create table note (id int primary key); reset role");
    }
    await using service = await serviceFolder(source);
    await service.write("service.ts", SERVICE);
    await service.run("migrate"); // the queue has its tables
    const port = await freePort();
    const app = await service.start("app", { config: { listen: { host: "127.0.0.1", port } } });
    await app.until("ready");

    const failures: string[] = [];
    const written: number[] = [];
    let running = true;
    let next = 0;
    const client = async () => {
      while (running) {
        const id = ++next;
        const response = await fetch(`http://127.0.0.1:${port}/${id}`);
        const text = await response.text();
        if (text !== `[{"id":${id}}]`) failures.push(`${response.status} ${text}`);
        else written.push(id);
      }
    };
    const traffic = Promise.all(Array.from({ length: 8 }, client));
    await expect.poll(() => written.length, { timeout: 5_000 }).toBeGreaterThan(50);
    await from.fence();
    for (const { id } of await from.rows<{ id: number }>("select id from note"))
      await to.run(`insert into note values (${id})`);
    await from.fenceReads();
    const endpoints = {
      version: 1,
      epoch: 2,
      deployment: "test",
      clusters: {
        main: { primary: { host: target.host, port: target.port, database: target.database }, standbys: [] },
      },
    };
    await service.write("endpoints.json", JSON.stringify(endpoints));
    if (how === "pushed")
      await unixRequest(app.privateSocket, "PUT", "/endpoints", { body: endpoints, withinMs: 2_000 });
    await expect.poll(async () => (await app.health())?.body.epoch, { timeout: 5_000 }).toBe(2);
    const switched = written.length;
    await expect.poll(() => written.length, { timeout: 5_000 }).toBeGreaterThan(switched + 50);
    running = false;
    await traffic;

    expect(failures).toEqual([]);
    const there = (await to.rows<{ id: number }>("select id from note order by id")).map(({ id }) => id);
    expect(there).toEqual(written.toSorted((a, b) => a - b));
  },
);
