export { type AgentFound, ensureAgent } from "./ensure.ts";
export { type LocalMachine, localMachine } from "./machine.ts";
export { AddressRefused, AgentFailed, MachineFolderUnusable, PortInUse } from "./problem.ts";
