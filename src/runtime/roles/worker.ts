import type { Logger } from "pino";
import { DatabaseAddress } from "../../topology/endpoints.ts";
import { type Database, lazyTransaction, openDatabase } from "../data/index.ts";
import { endpointsHolder } from "../endpoints.ts";
import { openPrivate, type PrivateInterface } from "../http/private.ts";
import type { Instance } from "../instance.ts";
import { type JobWorker, startWorker } from "../jobs/index.ts";
import { databaseAnswers, type Life, type Role } from "../life.ts";
import { loadService } from "../load.ts";
import { servesNow } from "../priority.ts";
import { tablesAreThere } from "./tables-there.ts";

/** How long a job may do something outside the database, such as sending mail, while its transaction is open; milliseconds. */
const LONGEST_OUTSIDE_MS = 15 * 60_000;

/** Runs the service's jobs. It is ready when it takes jobs. */
export function startJobWorker(instance: Instance, log: Logger): Role {
  const { config, secrets } = instance;
  const life: Life = { status: "starting", reason: "loading the service module" };
  const endpoints = endpointsHolder(instance.endpoints, config.endpoints, log);
  const failed = Promise.withResolvers<unknown>();
  let privately: PrivateInterface | undefined;
  let database: Database<unknown> | undefined;
  let worker: JobWorker | undefined;

  const start = async () => {
    privately = await openPrivate({
      socket: config.privateSocket,
      endpoints,
      publicSocket: () => undefined,
      log,
      health: () => {
        const takes = life.status !== "ready" || worker?.stats().ready !== false;
        const status = takes ? life.status : "starting";
        const reason = takes ? life.reason : "waiting for the queue";
        const inFlight = worker?.stats().running ?? 0;
        const known = reason === undefined ? {} : { reason };
        const epoch = database?.epochInUse() ?? endpoints.current().epoch;
        return { status, ...known, inFlight, connections: 0, epoch, pid: process.pid };
      },
    });

    log.info({ service: config.service }, "loading");
    const { service, migrations } = await loadService(config.service);
    const jobs = service.definition.jobs ?? {};
    const opened = openDatabase<unknown>({
      endpoints: endpoints.current(),
      credentials: secrets.database,
      ...config.database,
      log,
      applicationName: config.instance,
      idleTransactionMs: LONGEST_OUTSIDE_MS,
      onTrouble: () => void endpoints.reread(),
    });
    database = opened;
    endpoints.onReplace((next) => opened.setEndpoints(next));
    if (!(await databaseAnswers(opened, life, log))) return;
    if (!(await tablesAreThere(opened, migrations, life))) return;

    const isIdle = Object.keys(jobs).length === 0;
    const started = startWorker<unknown>({
      jobs,
      transaction: (prologue) => lazyTransaction(opened, { prologue }),
      connection: () => ({ ...opened.scheduler.address, ...secrets.database }),
      afterFence: (error, at) => opened.afterFence(error, DatabaseAddress.parse(at)),
      instance: config.instance,
      concurrency: config.jobs.concurrency,
      log,
      folder: config.folder,
    });
    worker = isIdle ? { drain: started.drain, stats: () => ({ ...started.stats(), ready: true }) } : started;
    servesNow();
    life.status = "ready";
    life.reason = undefined;
    log.info({ jobs: Object.keys(jobs) }, "ready");
  };

  const starting = start().catch((error: unknown) => {
    if (life.status !== "starting") return;
    life.status = "failed";
    life.reason = error instanceof Error ? error.message : String(error);
    log.fatal({ err: error }, "the instance cannot run jobs");
    failed.resolve(error);
  });

  return {
    failed: failed.promise,
    async stop() {
      life.status = "draining";
      life.reason = undefined;
      if (worker === undefined) await Promise.race([starting, privately?.close()]);
      else await worker.drain(config.drainMs);
      await database?.close();
      await privately?.close();
      log.info("ended");
    },
  };
}
