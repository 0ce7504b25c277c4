export { appEngine } from "./engine.ts";
export type { AppSpec } from "./spec.ts";
