import { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { type Active, apps, type Member, starts, stops } from "./members.ts";
import { firstDatacenter } from "./situation.ts";
import type { Step } from "./step.ts";

/** Name of the load balancer. */
export function balancerName(topology: Topology): InstanceName {
  return InstanceName.parse(`${firstDatacenter(topology)}.balancer.1`);
}

/** Servers from one number, release or front to another while they serve. */
export function rollingFront(from: Active, to: Active): Step[] {
  const leaving = without(apps(from), apps(to));
  const entering = without(apps(to), apps(from));
  const before = from.topology.balancer !== undefined;
  const after = to.topology.balancer !== undefined;
  if (before && after) return [...rolling(entering, leaving, behind(to.topology)), ...changed(from, to)];
  if (!before && !after) return rolling(entering, leaving);
  const [first, ...more] = entering;
  // Servers listen elsewhere with a balancer than without, so all of them are replaced.
  if (first === undefined) throw new RangeError("servers with another front are a release of their own");
  const balancer = { instance: balancerName(to.topology) };
  if (after) {
    return [
      starts(first),
      { name: "start-balancer", ...balancer, servers: [first.instance] },
      ...rolling([], leaving.slice(0, 1)),
      ...rolling(more, leaving.slice(1), { ...behind(to.topology), leave: ALONE.leave }),
    ];
  }
  // The balancer goes once one server accepts by itself, and before the last of its own servers does.
  return [
    starts(first),
    { name: "stop-balancer", ...balancer, servers: leaving.map(({ instance }) => instance) },
    ...rolling([], leaving.slice(0, 1)),
    ...rolling(more, leaving.slice(1)),
  ];
}

/** What a server does besides starting and stopping. */
interface Front {
  readonly enter: (server: Member) => Step[];
  readonly leave: (server: Member) => Step[];
}

const ALONE: Front = { enter: () => [], leave: () => [] };

/** Each new one is ready before an old one leaves, one by one, so that at most one more than either number runs. */
export function rolling(entering: readonly Member[], leaving: readonly Member[], front = ALONE): Step[] {
  const rounds = Array.from({ length: Math.max(leaving.length, entering.length) }, (_, round) => round);
  return rounds.flatMap((round) => [
    ...entering.slice(round, round + 1).flatMap((member) => [starts(member), ...front.enter(member)]),
    ...leaving.slice(round, round + 1).flatMap((member) => [...front.leave(member), stops(member)]),
  ]);
}

function behind(topology: Topology): Front {
  const instance = balancerName(topology);
  return {
    enter: ({ instance: server }) => [{ name: "enter-balancer", instance, server }],
    leave: ({ instance: server }) => [{ name: "leave-balancer", instance, server }],
  };
}

/** Limits that the balancer itself keeps. */
function changed(from: Active, to: Active): Step[] {
  const limits = ({
    topology: {
      balancer,
      app,
      public: { tls },
    },
  }: Active) => {
    const { maxInFlight, maxBodyBytes, headersTimeoutMs, requestTimeoutMs, keepAliveMs } = app;
    return JSON.stringify([balancer, tls, maxInFlight, maxBodyBytes, headersTimeoutMs, requestTimeoutMs, keepAliveMs]);
  };
  if (limits(from) === limits(to)) return [];
  const servers = apps(to).map(({ instance }) => instance);
  return [{ name: "change-balancer", instance: balancerName(to.topology), servers }];
}

export function without(members: readonly Member[], others: readonly Member[]): Member[] {
  return members.filter(({ instance }) => !others.some((other) => other.instance === instance));
}
