export { type PostgresBinaries, postgresBinaries } from "./binaries.ts";
export { initCluster, prepareDatabase } from "./cluster.ts";
export { postgresEngine } from "./engine.ts";
export { OUTCOME_STATEMENTS } from "./outcomes.ts";
export { BadPasswords, type DatabasePasswords, databasePasswords, SUPERUSER } from "./passwords.ts";
export { FENCE_STATEMENTS, prepareRoles, type Server } from "./prepare.ts";
export { DiskFull, NoPostgresBinaries, PostgresFailed } from "./problem.ts";
export { scramVerifier } from "./scram.ts";
export type { PostgresSpec } from "./spec.ts";
