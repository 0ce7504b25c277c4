import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { startTestPostgres } from "../engines/postgres/testing.ts";
import { serviceFolder } from "./roles/testing.ts";

test("an instance whose folder was removed ends in good order, since nobody will find it again", async () => {
  await using postgres = await startTestPostgres({ roles: true, fsync: false });
  await using service = await serviceFolder(postgres);
  await service.write(
    "service.ts",
    `import { defineService } from "ninefold";
     export default defineService({ name: "quiet", http: () => async (request, response) => response.end("here") });`,
  );
  await service.run("migrate");
  const app = await service.start("app");
  await app.until("ready");
  await rm(join(service.folder, "test.app.1.json"));
  expect(await Promise.race([app.ended, delay(20_000, "still there")])).toBe(0);
});
