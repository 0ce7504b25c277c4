export { type LocalCertificate, localCertificate } from "./authority.ts";
export { type Balancer, balancer } from "./balancer.ts";
export { writeCertificate } from "./certificate.ts";
export { haproxyEngine } from "./engine.ts";
export { BadCertificate, BalancerFailed, ReloadRefused, ServerNotReady } from "./problem.ts";
export { READY_PATH } from "./server.ts";
export type { BalancedServer, BalancerLimits, HaproxySpec } from "./spec.ts";
export type { ServerState } from "./states.ts";
export { type BalancerStatistics, statistics } from "./statistics.ts";
