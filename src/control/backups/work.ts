import { BackupUnderWay } from "../../engines/pgbackrest/index.ts";
import { reportOf } from "../problem.ts";
import type { WorkResult, WorkView } from "./views.ts";

/** Does one thing at a time, and tells how it goes. */
export interface Work {
  /** The last one that was begun; undefined when none was. */
  readonly now: WorkView | undefined;
  /**
   * Begins, and returns at once.
   * @throws BackupUnderWay
   */
  begin(kind: WorkView["kind"], run: (progress: (says: string) => void) => Promise<WorkResult>): WorkView;
}

export function createWork(): Work {
  let now: WorkView | undefined;
  return {
    get now() {
      return now;
    },
    begin: (kind, run) => {
      if (now?.state === "running") throw new BackupUnderWay(now.says);
      // Never the number of one of an earlier control plane's.
      const id = Math.max(Date.now(), (now?.id ?? 0) + 1);
      const begun: WorkView = { id, kind, state: "running", says: "" };
      now = begun;
      const progress = (says: string) => {
        if (now?.id === id) now = { ...begun, says };
      };
      run(progress).then(
        (result) => {
          now = { ...begun, state: "done", result };
        },
        (error: unknown) => {
          now = { ...begun, state: "failed", problem: reportOf(error) };
        },
      );
      return begun;
    },
  };
}
