import type { Descriptions } from "./description.ts";
import { membersOf } from "./replication.ts";

type DatabaseStep =
  | "start-etcd"
  | "stop-etcd"
  | "init-database"
  | "start-database"
  | "stop-database"
  | "change-database"
  | "prepare-database"
  | "migrate"
  | "publish-endpoints";

export const DATABASE: Descriptions<DatabaseStep> = {
  "start-etcd": ({ instance, others }) => ({
    says: `start etcd ${[instance, ...(others ?? [])].join(", ")}, where Patroni keeps its state`,
    expectedMs: 800,
    gate: "it takes a write from Patroni's user",
    undo: "stop it",
  }),
  "stop-etcd": ({ instance, others }) => ({
    says: `stop etcd ${[instance, ...(others ?? [])].join(", ")}`,
    expectedMs: 200,
    gate: "it has ended in good order",
    undo: "start it again",
  }),
  "init-database": ({ instance, kind }) => ({
    says: kind === "embedded" ? `create the data folder of ${instance}` : `write the configuration of ${instance}`,
    expectedMs: kind === "embedded" ? 1_500 : 50,
    gate: kind === "embedded" ? "the data folder is complete" : "its files are on disk",
    undo: "it is kept",
  }),
  "start-database": ({ instance, kind, replication }) => ({
    says: `start PostgreSQL ${membersOf(instance, replication).join(", ")}${kind === "patroni" ? " under Patroni" : ""}`,
    expectedMs: kind === "embedded" ? 500 : 4_000,
    gate: kind === "embedded" ? "it lets us sign in" : "there is a primary, and it lets us sign in",
    undo: "stop it; the data stays",
  }),
  "stop-database": ({ instance, replication }) => ({
    risk: "pause",
    says: `stop PostgreSQL ${membersOf(instance, replication).join(", ")}`,
    expectedMs: 500,
    gate: "it has ended in good order",
    undo: "start it again",
  }),
  "change-database": ({ instance, settings, replication }) => ({
    risk: "pause",
    says: `restart PostgreSQL ${membersOf(instance, replication).join(", ")} with ${settings.maxConnections} connections and ${settings.memoryMb} MB`,
    expectedMs: 1_500,
    gate: "it lets us sign in; statements wait meanwhile",
    undo: "restart it with the settings it had",
  }),
  "prepare-database": () => ({
    says: "create the database and its roles",
    expectedMs: 300,
    gate: "the service's role can sign in",
    undo: "they are kept",
  }),
  migrate: ({ release }) => ({
    says: `run the migrations of release ${release}`,
    expectedMs: 800,
    gate: "all have run, and the facts about the tables are true",
    undo: "migrations go forward only; the code before works with them",
  }),
  "publish-endpoints": () => ({
    says: "tell the service where its database is",
    expectedMs: 10,
    gate: "the file is on disk, and what runs has read it",
    undo: "it is kept",
  }),
};
