import { expect, test } from "vitest";
import { installSteps } from "./install.ts";

const commands = (...args: Parameters<typeof installSteps>) =>
  installSteps(...args).map(({ command }) => command.join(" "));

test("an installation makes no cluster and leaves no service of the packages running", () => {
  expect(
    commands(["postgresql", "patroni", "etcd-server", "python3-etcd", "haproxy"], { root: true, systemd: true }),
  ).toEqual([
    "sh -c mkdir -p /etc/postgresql-common/createcluster.d && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/ninefold.conf",
    "apt-get update",
    "env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql patroni etcd-server python3-etcd haproxy",
    "systemctl disable --now postgresql patroni etcd haproxy",
  ]);
});

test("services and files of packages that were there before are left alone", () => {
  expect(commands(["haproxy"], { root: true, systemd: false })).toEqual([
    "apt-get update",
    "env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends haproxy",
    "service haproxy stop",
  ]);
});

test("an ordinary user goes through sudo with each command", () => {
  for (const command of commands(["postgresql", "etcd-server"], { root: false, systemd: true })) {
    expect(command).toMatch(/^sudo /);
  }
});
