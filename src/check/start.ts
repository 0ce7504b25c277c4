import { performance } from "node:perf_hooks";
import { audit } from "./audit.ts";
import type { Check } from "./definition.ts";
import { loadCheck, validateCheck } from "./file.ts";
import { createJournal } from "./journal.ts";
import { createLedger } from "./ledger/ledger.ts";
import { createTally } from "./measure/tally.ts";
import { type CheckConfig, newSeed, type ParsedConfig, parseConfig } from "./options.ts";
import { createRandom } from "./random.ts";
import { historyOf, type Report, type ReportData, type Snapshot, withMethods } from "./report.ts";
import { createRun } from "./run-names.ts";
import { createTraffic, type Traffic } from "./traffic.ts";
import { enterUsers } from "./users.ts";
import { judge } from "./verdict.ts";

/** A check under way. */
export interface RunningCheck {
  /** Where it stands. */
  report(): Snapshot;
  /** Goes on for `after` milliseconds, ends the traffic, audits, and gives the verdict. */
  finish(options?: { readonly after?: number }): Promise<Report>;
  /** Ends at once, without an audit or a verdict. */
  stop(): Promise<void>;
}

export type StartOptions = Omit<CheckConfig, "file" | "durationMs"> &
  ({ readonly file: string } | { readonly definition: Check });

/**
 * Signs users up, prepares their data and starts traffic in this process.
 * Tests of whole systems use `runCheckProcess`, so that the check's clock does not depend on their own work.
 * @throws CheckFileError, CheckSetupError
 */
export async function startCheck(options: StartOptions): Promise<RunningCheck> {
  const { check, config } = await prepareOptions(options);
  const { definition } = check;
  const { users, rate, timeoutMs, settleMs } = config;
  const origin = new URL(config.url).origin;
  const seed = config.seed ?? newSeed();
  const run = createRun(`k${Date.now().toString(36)}${(newSeed() % 1296).toString(36).padStart(2, "0")}`);

  const people = await enterUsers({ definition, origin, count: users, timeoutMs, seed, run });
  const journal = config.journal === undefined ? undefined : createJournal(config.journal);
  const ledger = createLedger(definition.model);
  const tally = createTally();
  const startedAt = new Date().toISOString();
  const originMs = performance.now();
  const random = createRandom(seed);
  const traffic: Traffic = createTraffic({ definition, people, ledger, tally, journal, random, originMs });
  let phase: Snapshot["phase"] = "traffic";
  let audited = { done: 0, total: 0 };
  let trafficEndMs: number | undefined;

  const close = async () => {
    await Promise.all(people.map(({ session }) => session.close()));
    await journal?.close();
  };
  try {
    await traffic.prepare();
  } catch (error) {
    await close();
    throw error;
  }
  traffic.start(rate);

  const report = (): Snapshot => {
    const elapsedMs = trafficEndMs ?? performance.now() - originMs;
    const { requests, ok, failed, unknown, unsent } = traffic.accounts;
    return {
      phase,
      elapsedMs,
      requests,
      ok,
      failed,
      unknown,
      unsent,
      ...ledger.violations.counts,
      p50: tally.quantile(0.5),
      p99: tally.quantile(0.99),
      p999: tally.quantile(0.999),
      kinds: tally.figures(elapsedMs),
      audit: audited,
    };
  };

  const finish = async (after: number): Promise<Report> => {
    await Promise.race([passed(after), traffic.failure]);
    await Promise.race([traffic.drain(timeoutMs), traffic.failure]);
    trafficEndMs = performance.now() - originMs;
    phase = "audit";
    const onProgress = (done: number, total: number) => {
      audited = { done, total };
    };
    const result = await audit({ parts: definition.model, people, ledger, settleMs, onProgress });
    phase = "done";
    const reasons = [...traffic.accounts.reasons].map(([reason, count]) => ({ reason, count }));
    const snapshot = report();
    const data: ReportData = {
      ...snapshot,
      version: 1,
      check: definition.name,
      url: origin,
      seed,
      run: run.id,
      users,
      rate,
      startedAt,
      ...judge(snapshot, result, config.allowFailures),
      audited: result.audited,
      undecided: result.undecided,
      reasons: reasons.sort((a, b) => b.count - a.count).slice(0, 20),
      histories: ledger.violations.list().map(historyOf),
    };
    return withMethods(data);
  };

  return {
    report,
    finish: ({ after = 0 } = {}) => finish(after).finally(close),
    async stop() {
      const drained = traffic.drain(0);
      await close();
      await drained;
    },
  };
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function prepareOptions(options: StartOptions): Promise<{ check: Check; config: ParsedConfig }> {
  if ("file" in options) {
    const config = parseConfig(options);
    return { check: await loadCheck(options.file), config };
  }
  const { definition, ...rest } = options;
  return { check: validateCheck(definition, "definition"), config: parseConfig({ ...rest, file: "definition" }) };
}
