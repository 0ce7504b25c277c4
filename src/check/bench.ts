import { performance } from "node:perf_hooks";
import { chooser } from "./choice.ts";
import type { Check, Plan } from "./definition.ts";
import { CheckFileError, CheckSetupError } from "./errors.ts";
import { loadCheck, validateCheck } from "./file.ts";
import { createRawConnection, encodeRequest, type RawConnection } from "./http/raw.ts";
import { openLoop } from "./load.ts";
import { createHistogram } from "./measure/histogram.ts";
import type { Kind } from "./operation.ts";
import { newSeed } from "./options.ts";
import { createRandom } from "./random.ts";
import { createRun } from "./run-names.ts";
import { enterUsers, type Person, preparations } from "./users.ts";

export interface BenchOptions {
  /** A check file, or its definition; only its operations are used, nothing is judged. */
  readonly check: string | Check;
  /** Address of the service; http only. */
  readonly url: string;
  /** Keep-alive connections, each with a user of its own and one request at a time. */
  readonly connections: number;
  readonly seed?: number;
}

export interface BenchRun {
  /** Length of the measurement and of the warm-up before it, in milliseconds. */
  readonly durationMs: number;
  readonly warmupMs?: number;
  /** Operations per second at fixed times (open loop); left out: each connection sends as fast as it is answered (saturation). */
  readonly rate?: number;
  /** Only operations of these kinds; all unless given. */
  readonly kinds?: readonly Kind[];
}

export interface BenchResult {
  readonly mode: "rate" | "saturation";
  readonly durationMs: number;
  readonly requests: number;
  /** Answers with another status than the expected one, and broken connections. */
  readonly failed: number;
  /** At a rate: operations that were due and never sent, because every connection was still waiting for an answer. */
  readonly unsent: number;
  /** Requests that succeeded, by second; a fast refusal is no work done. */
  readonly perSecond: number;
  /** Milliseconds; at a rate from the intended time of sending, at saturation from sending. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Users who are signed up and connected, for as many runs as wanted. */
export interface Bench {
  run(options: BenchRun): Promise<BenchResult>;
  close(): Promise<void>;
}

interface Worker {
  readonly person: Person;
  readonly connection: RawConnection;
}

const NEVER_BUSY = 64;

/** @throws CheckFileError, CheckSetupError */
export async function openBench({ check, url, connections, seed = newSeed() }: BenchOptions): Promise<Bench> {
  const { definition } = typeof check === "string" ? await loadCheck(check) : validateCheck(check, "check");
  const address = new URL(url);
  if (address.protocol !== "http:") throw new CheckFileError("url", "only http is measured", "Give an http address");
  const { hostname, host } = address;
  const port = Number(address.port || 80);
  const run = createRun(`b${Date.now().toString(36)}${(newSeed() % 1296).toString(36).padStart(2, "0")}`);
  const origin = address.origin;
  const people = await enterUsers({ definition, origin, count: connections, timeoutMs: 60_000, seed, run });
  const workers = people.map((person): Worker => ({ person, connection: createRawConnection(hostname, port) }));
  const random = createRandom(seed);

  const send = ({ person, connection }: Worker, plan: Plan, done: (ok: boolean) => void) => {
    const who = plan.anonymous === true ? undefined : person.session.authorization;
    const body = plan.body === undefined ? undefined : JSON.stringify(plan.body);
    connection.send(encodeRequest(host, plan.method, plan.path, who, body), (status, text) => {
      const ok = status === plan.expect;
      // Reads teach nothing that later requests need; reading their JSON would cost more than sending them.
      if (ok && plan.method !== "GET") plan.answer?.((text === "" ? undefined : JSON.parse(text)) as never);
      done(ok);
    });
  };

  const close = async () => {
    for (const { connection } of workers) connection.close();
    await Promise.all(people.map(({ session }) => session.close()));
  };
  try {
    for (const worker of workers) {
      for (const plan of preparations(definition, worker.person)) {
        const ok = await new Promise<boolean>((resolve) => send(worker, plan, resolve));
        if (!ok) throw new CheckSetupError(`${plan.method} ${plan.path}`, `not answered with status ${plan.expect}`);
      }
    }
  } catch (error) {
    await close();
    throw error;
  }

  function measure({ durationMs, warmupMs = 0, rate, kinds }: BenchRun): Promise<BenchResult> {
    const operations = Object.values(definition.operations).filter(({ kind }) => kinds?.includes(kind) ?? true);
    const choose = chooser(operations, random);
    const next = (person: Person): Plan => {
      for (let round = 0; round < NEVER_BUSY; round++) {
        const plan = operations[choose()]?.plan(person.user);
        if (plan !== undefined) return plan;
      }
      throw new CheckFileError("operations", "none of these kinds has anything to do", "Choose other kinds");
    };
    const latency = createHistogram();
    const start = performance.now();
    const from = start + warmupMs;
    const until = from + durationMs;
    let requests = 0;
    let failed = 0;

    return new Promise((resolve, reject) => {
      const free = [...workers];
      const backlog: number[] = [];
      let taken = 0;
      let over = false;

      const finish = () => {
        if (free.length < workers.length) return;
        const { quantile, max } = latency;
        resolve({
          mode: rate === undefined ? "saturation" : "rate",
          durationMs,
          requests,
          failed,
          unsent: backlog.length - taken,
          perSecond: (requests - failed) / (durationMs / 1000),
          p50: quantile(0.5),
          p99: quantile(0.99),
          p999: quantile(0.999),
          max,
        });
      };
      /** One request of one worker; what ends inside the measured time counts. */
      const perform = (worker: Worker, since: number) => {
        send(worker, next(worker.person), (ok) => {
          const now = performance.now();
          if (now >= from && now < until) {
            requests++;
            if (ok) latency.add(now - since);
            else failed++;
          }
          free.push(worker);
          work();
        });
      };
      const work = () => {
        try {
          while (!over && free.length > 0 && (rate === undefined || taken < backlog.length)) {
            const worker = free.pop();
            if (worker === undefined) break;
            perform(worker, rate === undefined ? performance.now() : (backlog[taken++] ?? 0));
          }
        } catch (error) {
          over = true;
          reject(error);
        }
        if (over) finish();
      };
      const loop =
        rate === undefined
          ? undefined
          : openLoop(rate, (intended) => {
              backlog.push(intended);
              work();
            });
      setTimeout(() => {
        over = true;
        loop?.stop();
        finish();
      }, until - performance.now());
      work();
    });
  }

  return { run: measure, close };
}
