import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { planChange } from "../plan/plan.ts";
import { EMPTY } from "../plan/situation.ts";
import { presetForRung } from "../topology/rung.ts";
import { claimFormat } from "./format.ts";
import { Journal } from "./journal.ts";
import { statePaths } from "./paths.ts";
import { DiskFull, JournalCorrupt, NewerState } from "./problem.ts";
import { ensureControl } from "./start.ts";
import { viewOf } from "./view.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ninefold-journal-"));
  path = join(folder, "journal.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const up = planChange({ kind: "up", from: EMPTY, topology: presetForRung(1), running: true, nextRelease: 1 });

function begun(journal: Journal) {
  return journal.begin(up, 1, (id) => viewOf(up, { id, state: "running" }));
}

test("what was written is there after the process is gone", () => {
  {
    using journal = new Journal(path);
    const { id } = begun(journal);
    journal.undoBegins(id, { kind: "undoing", step: 1, says: "" });
    journal.stepEnds(id, 1);
  }
  using journal = new Journal(path);
  expect(journal.open()).toMatchObject({ id: 1, state: "running", done: 1, begun: 0, plan: up });
});

test("a second open plan cannot be written down", () => {
  using journal = new Journal(path);
  begun(journal);
  expect(() => begun(journal)).toThrow(/UNIQUE/);
});

test("every write is on disk when it returns", () => {
  let seen: unknown;
  class Watched extends Journal {
    protected override openDatabase(file: string): DatabaseSync {
      const database = super.openDatabase(file);
      seen = () => ({
        ...database.prepare("pragma synchronous").get(),
        ...database.prepare("pragma journal_mode").get(),
      });
      return database;
    }
  }
  using journal = new Watched(path);
  begun(journal);
  // 2 is FULL.
  expect((seen as () => object)()).toEqual({ synchronous: 2, journal_mode: "wal" });
});

test.each([
  ["is no database", () => writeFileSync(path, "not a database at all, ".repeat(100))],
  [
    "has a damaged page",
    () => {
      new Journal(path)[Symbol.dispose]();
      const bytes = readFileSync(path);
      bytes.fill(0xff, 4096, 8192);
      writeFileSync(path, bytes);
    },
  ],
  [
    "lost its tables",
    () => {
      const database = new DatabaseSync(path);
      database.exec("create table plans (other text)");
      database.close();
    },
  ],
  [
    "has a malformed row",
    () => {
      new Journal(path)[Symbol.dispose]();
      const database = new DatabaseSync(path);
      database.exec("update state set situation = '{\"running\": 3}'");
      database.close();
    },
  ],
])("a journal that %s is refused with what to do, and not touched", (_, damage) => {
  damage();
  const before = readFileSync(path);
  const use = () => {
    using journal = new Journal(path);
    return journal.situation;
  };
  expect(use).toThrow(JournalCorrupt);
  expect(use).toThrow(/--restore-journal/);
  if (!before.subarray(0, 6).equals(Buffer.from("SQLite"))) expect(readFileSync(path)).toEqual(before);
});

/** A journal whose file may not grow: SQLite then gives the very error of a full disk. */
class FullJournal extends Journal {
  protected override openDatabase(file: string): DatabaseSync {
    const database = super.openDatabase(file);
    database.exec("pragma max_page_count = 1");
    return database;
  }
}

test("a full disk is told as one, and the write that failed changed nothing", () => {
  {
    using journal = new Journal(path);
    begun(journal);
  }
  using journal = new FullJournal(path);
  const before = journal.events(1, 0);
  const write = () => journal.stepEnds(1, 1, { kind: "undoing", step: 1, says: "x".repeat(100_000) });
  expect(write).toThrow(DiskFull);
  expect(journal.events(1, 0)).toEqual(before);
  expect(journal.open()).toMatchObject({ id: 1, done: 0 });
});

test("the state of a newer Ninefold is refused and left untouched", async () => {
  const paths = statePaths(folder);
  await claimFormat(paths);
  writeFileSync(paths.format, '{"format":2}');
  appendFileSync(paths.journal, "a journal of the future");
  const copy = join(folder, "copy");
  cpSync(paths.root, copy, { recursive: true });
  await expect(ensureControl(folder)).rejects.toThrow(NewerState);
  expect(readdirSync(paths.root).toSorted()).toEqual(readdirSync(copy).toSorted());
  expect(readFileSync(paths.journal, "utf8")).toBe("a journal of the future");
  expect(existsSync(join(paths.root, "agent"))).toBe(false);
});
