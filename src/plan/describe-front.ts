import type { Descriptions } from "./description.ts";

type FrontStep =
  | "open-socket"
  | "close-socket"
  | "start-instance"
  | "stop-instance"
  | "start-balancer"
  | "stop-balancer"
  | "change-balancer"
  | "enter-balancer"
  | "leave-balancer";

export const FRONT: Descriptions<FrontStep> = {
  "open-socket": ({ host, port }) => ({
    says: `open ${host}:${port}`,
    expectedMs: 20,
    gate: "the port is ours",
    undo: "close it",
  }),
  "close-socket": ({ host, port }) => ({
    says: `close ${host}:${port}`,
    expectedMs: 20,
    gate: "the port is free",
    undo: "open it again",
  }),
  "start-instance": ({ instance }, { app }) => ({
    says: `start ${instance}`,
    expectedMs: 1_000,
    gate: `it says that it is ready, within ${app.startMs / 1_000} s`,
    undo: "drain and stop it",
  }),
  "stop-instance": ({ instance, role }, { app }) => ({
    says: `drain and stop ${instance}`,
    expectedMs: 300,
    gate: `its open ${role === "app" ? "requests" : "jobs"} are finished, or ${app.drainMs / 1_000} s are over`,
    undo: "start it again",
  }),
  "start-balancer": ({ instance, servers }) => ({
    says: `start HAProxy ${instance} on the public socket, before ${servers.join(", ")}`,
    expectedMs: 500,
    gate: "it finds its servers ready, and accepts",
    undo: "drain and stop it",
  }),
  "stop-balancer": ({ instance }) => ({
    says: `drain and stop HAProxy ${instance}`,
    expectedMs: 6_000,
    gate: "its connections have ended",
    undo: "start it again",
  }),
  "change-balancer": ({ instance }) => ({
    says: `give HAProxy ${instance} its new limits`,
    expectedMs: 300,
    gate: "it runs with them; no connection was closed",
    undo: "give it the limits it had",
  }),
  "enter-balancer": ({ instance, server }) => ({
    says: `put ${server} behind ${instance}`,
    expectedMs: 200,
    gate: "HAProxy finds it ready",
    undo: "drain it and take it out",
  }),
  "leave-balancer": ({ instance, server }) => ({
    says: `take ${server} out of ${instance}`,
    expectedMs: 300,
    gate: "no request of HAProxy's is left at it",
    undo: "put it back",
  }),
};
