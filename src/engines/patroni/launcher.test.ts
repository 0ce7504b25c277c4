import { spawnSync } from "node:child_process";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LAUNCHER } from "./launcher.ts";

/** Run in Patroni's place: tells the version, and the functions that stand where the launcher mends something. */
const TELL = `
import json, patroni.ha, patroni.postgresql
from patroni.version import __version__
from patroni.dcs.etcd3 import Etcd3, PatroniEtcd3Client
from patroni.postgresql.config import ConfigHandler
from patroni.postgresql.slots import SlotsHandler
from patroni.postgresql.sync import SyncHandler
print(json.dumps({"version": __version__, "inForce": [
    ConfigHandler.get_server_parameters.__name__, SyncHandler.current_state.__name__, type(patroni.ha.time).__name__,
    patroni.postgresql.STOP_POLLING_INTERVAL, SlotsHandler.on_promote.__name__, Etcd3._delete_leader.__name__,
    Etcd3._update_leader.__name__, PatroniEtcd3Client.put.__name__]}))
`;

test("everything that it mends is mended in the Patroni that needs it", ({ skip }) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "ninefold-launcher-"));
  writeFileSync(join(folder.path, "launch.py"), LAUNCHER);
  writeFileSync(join(folder.path, "tell.py"), TELL);
  const { stdout, stderr } = spawnSync("/usr/bin/python3", ["-I", "launch.py", "tell.py"], {
    cwd: folder.path,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  const { version, inForce } = JSON.parse(stdout);
  skip(!version.startsWith("3.0."), `Patroni ${version} needs only some of it`);
  expect(inForce).toEqual(["with_names", "agreed", "Clock", 0.2, "with_slots", "surely", "renewed", "put_own"]);
});
