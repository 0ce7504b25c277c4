import { z } from "zod";

/**
 * Stable name of one running process, such as `dc1.app.2`: data centre, role, number from 1.
 * Instances of the service carry the release they run behind `@` (`dc1.app.2@7`), so that the old and
 * the new one can stand side by side during a rolling deploy.
 */
export type InstanceName = string & { readonly __brand: "InstanceName" };

const PATTERN = /^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*(\.[1-9][0-9]*)?(@[1-9][0-9]*)?$/;

export const InstanceName = z
  .string()
  .regex(PATTERN, "an instance name looks like `dc1.app.2` or `dc1.app.2@7`")
  .transform((name) => name as InstanceName);

/** The release an instance of the service runs, or undefined for an engine. */
export function releaseOf(name: InstanceName): number | undefined {
  const release = name.split("@")[1];
  return release === undefined ? undefined : Number(release);
}
