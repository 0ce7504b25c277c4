import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { missingPackages, PackagesMissing, systemHaproxy, systemPgbackrest, systemPostgres } from "./packages.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ninefold-packages-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function install(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "", { mode: 0o755 });
  }
}
const postgres = (version: number | string) =>
  install(...["postgres", "initdb"].map((name) => `usr/lib/postgresql/${version}/bin/${name}`));

test("on a bare system each rung names what it lacks", () => {
  expect(missingPackages(1, root)).toEqual([]);
  const second = ["postgresql", "patroni", "etcd-server", "python3-etcd", "pgbackrest"];
  expect(missingPackages(2, root)).toEqual(second);
  expect(missingPackages(3, root)).toEqual([...second, "haproxy"]);
  expect(() => systemPostgres(root)).toThrow(PackagesMissing);
  expect(() => systemPostgres(root)).toThrow("postgresql, patroni, etcd-server, python3-etcd are not installed");
  expect(() => systemPgbackrest(root)).toThrow("pgbackrest is not installed. Run `ninefold install --rung 2`");
  expect(() => systemHaproxy(root)).toThrow("haproxy is not installed. Run `ninefold install --rung 3`");
});

test("the highest PostgreSQL that is whole and new enough is taken", () => {
  install("usr/bin/patroni", "usr/bin/etcd", "usr/lib/python3/dist-packages/etcd/__init__.py", "usr/sbin/haproxy");
  postgres(14);
  expect(missingPackages(3, root)).toEqual(["postgresql", "pgbackrest"]);
  postgres(15);
  postgres(18);
  postgres("9.6");
  install("usr/lib/postgresql/19/bin/psql"); // the client only
  expect(systemPostgres(root)).toEqual({
    folder: join(root, "usr/lib/postgresql/18/bin"),
    version: 18,
    patroni: join(root, "usr/bin/patroni"),
    etcd: join(root, "usr/bin/etcd"),
  });
  expect(systemHaproxy(root)).toBe(join(root, "usr/sbin/haproxy"));
});
