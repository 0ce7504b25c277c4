import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { memberStatus } from "./rest.ts";
import type { PatroniSpec } from "./spec.ts";

/** What Patroni 3.0.2 said on a standby that it had just built. */
const JUST_BUILT = `{"state": "running", "role": "replica", "server_version": 150018, "sync_standby": true, "timeline": null}`;

test("a standby that does not know its timeline yet is a standby", async () => {
  const server = createServer((_, response) => response.writeHead(503).end(JUST_BUILT));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const spec = { address: "127.0.0.1", restPort: (server.address() as AddressInfo).port } as PatroniSpec;
    expect(await memberStatus(spec, 5_000)).toEqual({ state: "running", role: "replica", leads: false });
  } finally {
    server.close();
  }
});
