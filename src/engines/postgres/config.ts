import { join } from "node:path";
import type { Placed } from "../engine.ts";
import { type Setting, serverSettings } from "./settings.ts";
import type { PostgresSpec } from "./spec.ts";

/** `postgresql.conf`, complete: what is not in it has PostgreSQL 15's default. */
export function postgresqlConf({ spec, folder, sockets }: Placed<PostgresSpec>): string {
  const place = {
    title: "Where it is (20.2, 20.3)",
    settings: [
      { name: "listen_addresses", value: spec.tcp ?? "" },
      { name: "port", value: spec.port },
      { name: "unix_socket_directories", value: sockets },
      { name: "hba_file", value: join(folder, "pg_hba.conf") },
    ],
  };
  return `# PostgreSQL 15, written by Ninefold. To run it by hand: sh start.sh
# Section numbers are those of the PostgreSQL 15 manual.
${[place, ...serverSettings(spec)].map(({ title, settings }) => `\n# ${title}\n${settings.map(line).join("\n")}\n`).join("")}`;
}

function line({ name, value, why }: Setting): string {
  const text = `${name} = ${quoted(String(value))}`;
  return why === undefined ? text : `${text.padEnd(43)} # ${why}`;
}

/** `pg_hba.conf`: passwords always, over the unix socket and, where asked for, over loopback TCP. */
export function pgHbaConf({ spec }: Placed<PostgresSpec>): string {
  const tcp = spec.tcp === undefined ? "" : `host    all             all     samehost    scram-sha-256\n`;
  return `# PostgreSQL 15, written by Ninefold (manual 21.1). Whoever is not named here is refused.
# type  database        user    address     method
local   all             all                 scram-sha-256
${tcp}local   replication     all                 scram-sha-256
`;
}

/** A value as the file takes it (20.1.2): quotes where it is more than a number, a word or a size. */
function quoted(text: string): string {
  return /^(\d+(\.\d+)?|\d*[a-z]+)$/i.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
