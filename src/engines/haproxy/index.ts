export { type Balancer, balancer } from "./balancer.ts";
export { haproxyEngine } from "./engine.ts";
export { BadCertificate, BalancerFailed, ReloadRefused, ServerNotReady } from "./problem.ts";
export { READY_PATH } from "./server.ts";
export type { BalancedServer, BalancerLimits, HaproxySpec } from "./spec.ts";
export type { ServerState } from "./states.ts";
