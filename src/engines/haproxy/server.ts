import { InstanceName } from "../../topology/names.ts";
import type { BalancedServer, HaproxySpec } from "./spec.ts";

/** The backend that holds all servers of the service. */
export const BACKEND = "app";

/** Path at which a server says whether it is ready. Refused from outside. */
export const READY_PATH = "/.ninefold/ready";

/** HAProxy's name of a server: as ours, but `:` for the `@` before the release, which HAProxy does not take. */
export function haproxyName(name: InstanceName): string {
  return name.replace("@", ":");
}

/** The opposite of {@link haproxyName}; undefined for what is not a server of the service. */
export function instanceName(name: string): InstanceName | undefined {
  return InstanceName.safeParse(name.replace(":", "@")).data;
}

/**
 * What `server` in the file and `add server` at run time say alike; the latter takes nothing from `default-server`.
 * A server that refuses connections is out after one failed check, at most 100 ms later (`observe`, `sudden-death`); one
 * that nobody asks, in 0.7 s; one that hangs, in 4 s. A check that succeeds brings it back.
 */
export function serverLine(
  { name, address, port }: BalancedServer,
  { limits, source }: Pick<HaproxySpec, "limits" | "source">,
): string {
  const host = address.includes(":") ? `ipv6@${address}` : address;
  return [
    `${haproxyName(name)} ${host}:${port}`,
    "check inter 500ms fastinter 100ms downinter 100ms rise 1 fall 3",
    "observe layer4 error-limit 1 on-error sudden-death",
    // Idle connections go long before the server would close them, so no request meets one that is being closed.
    "pool-purge-delay 1s",
    `maxconn ${limits.maxInFlight}`,
    // A server has 16 places for each unit of its weight among which one is picked at random: with one unit shares differ by a quarter.
    "weight 16",
    ...(source === undefined ? [] : [`source ${source}`]),
  ].join(" ");
}
