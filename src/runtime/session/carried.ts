import { z } from "zod";
import type { Position } from "./position.ts";
import { Session } from "./session.ts";

const CarriedPosition = z.tuple([z.string(), z.string(), z.int(), z.int(), z.string(), z.string().optional()]);

/** What a session knows, as JSON that travels with a job: per cluster its name, system, epoch, timeline, lsn and `seen`. */
export type Carried = readonly (readonly [string, string, number, number, string, string?])[];

/** What work that `session` leaves behind for later must know of it; undefined when it knows nothing. */
export function carriedBy(session: Session | undefined): Carried | undefined {
  if (session === undefined || session.positions.size === 0) return undefined;
  return Array.from(session.positions.values(), ({ cluster, system, epoch, timeline, lsn, seen }) =>
    seen === undefined
      ? [cluster, system, epoch, timeline, String(lsn)]
      : [cluster, system, epoch, timeline, String(lsn), String(seen)],
  );
}

/**
 * A session of its own for work that another session left behind, and that was found on the primary. It must find what was
 * committed together with the work. Where in the log that is, nobody knew who wrote it, and the primary is past it.
 * @param carried of {@link carriedBy}, in whatever state it comes back; what cannot be read counts as nothing
 */
export function carryOn(carried: unknown): Session {
  return new Session(() => {
    const { data = [] } = z.array(CarriedPosition).safeParse(carried);
    return { id: undefined, positions: data.map(positionOf), behind: true };
  });
}

function positionOf([cluster, system, epoch, timeline, lsn, seen]: z.infer<typeof CarriedPosition>): Position {
  const place = { cluster, system, epoch, timeline, lsn: BigInt(lsn) };
  return seen === undefined ? place : { ...place, seen: BigInt(seen) };
}
