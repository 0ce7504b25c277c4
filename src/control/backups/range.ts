import type { Backup } from "../../engines/pgbackrest/index.ts";
import type { Archiving } from "./archiving.ts";

/** The times, in milliseconds since the epoch, that can be restored; both undefined without a backup. */
export function rangeOf(
  backups: readonly Pick<Backup, "finishedAt">[],
  archiving: Archiving,
  now = Date.now(),
): { readonly earliest?: number; readonly latest?: number } {
  const [first, last] = [backups[0], backups.at(-1)];
  if (first === undefined || last === undefined) return {};
  // pgBackRest tells whole seconds, rounded down.
  const ended = ({ finishedAt }: Pick<Backup, "finishedAt">) => finishedAt + 1_000;
  const archived = archiving.state === "on" ? now : (archiving.until ?? 0);
  return { earliest: ended(first), latest: Math.max(ended(last), archived) };
}
