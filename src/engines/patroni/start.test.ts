import { once } from "node:events";
import { createServer } from "node:net";
import { Client } from "pg";
import { expect, test } from "vitest";
import { until } from "../../machine/local/testing.ts";
import { patroniHealth } from "./health.ts";
import { testMember } from "./member.fixture.ts";
import { startTestPatroni } from "./testing.ts";

test("from empty to a primary that holds the leader's key, with the roles of the embedded database", async () => {
  await using server = await startTestPatroni({ fsync: false });
  expect(await patroniHealth(server.patroni)).toMatchObject({
    healthy: true,
    details: { role: "primary", timeline: 1, version: expect.stringMatching(/^1[5-9]/) },
  });
  const { host, port, database, service } = server;
  const client = new Client({ host, port, database, ...service });
  await client.connect();
  const shown = async (name: string) => (await client.query(`show ${name}`)).rows[0]?.[name];
  expect(await shown("wal_level")).toBe("logical");
  expect(await shown("data_checksums")).toBe("on");
  expect(await shown("max_replication_slots")).toBe("20");
  await expect(client.query("create table mine (id int)")).rejects.toThrow("permission denied");
  await client.end();
});

test.each(["port", "restPort"] as const)(
  "a %s that another program has is named, and taken when it is free",
  async (which) => {
    await using member = await testMember();
    const { address, [which]: port } = member.patroni.spec;
    const other = createServer((connection) => connection.destroy()).listen(port, address);
    await once(other, "listening");
    const started = member.start();
    await until(
      "its health names the port",
      async () => {
        const health = await patroniHealth(member.patroni);
        return !health.healthy && health.says.endsWith(`another program has port ${port} of ${address}`);
      },
      40_000,
    );
    other.close();
    await started;
  },
  90_000,
);
