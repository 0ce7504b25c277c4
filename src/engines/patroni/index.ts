export { changeSettings } from "./change.ts";
export { preparePatroniDatabase, stopPatroni, writePatroniSecrets } from "./cluster.ts";
export { patroniEngine } from "./engine.ts";
export { forgetCluster } from "./forget.ts";
export { patroniHealth } from "./health.ts";
export { PatroniFailed } from "./problem.ts";
export type { PatroniSpec } from "./spec.ts";
