import { readFileSync } from "node:fs";
import { HELD } from "./hold.ts";

/** Descriptors for listeners, health checks, sockets of administration and the like. */
const OTHERS = 500;

/**
 * How many of the wanted connections HAProxy can take at a time on this machine. Each takes two descriptors, one to the client and
 * one to a server, and HAProxy refuses to start where the hard limit is below that.
 * @param limits text in the format of `/proc/<pid>/limits`, see proc(5); where there is none, nothing is known to forbid it
 */
export function affordableConnections(wanted: number, limits = ownLimits): number {
  const hard = /^Max open files +\S+ +(\d+)/m.exec(limits())?.[1];
  if (hard === undefined) return wanted;
  return Math.max(1, Math.min(wanted, Math.floor((Number(hard) - OTHERS) / 2) - HELD));
}

function ownLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}
