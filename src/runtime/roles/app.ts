import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import { type Assets, openAssets } from "../assets/assets.ts";
import { checkTableFacts, type Database, openDatabase } from "../data/index.ts";
import { endpointsHolder } from "../endpoints.ts";
import { type Handler, toHandler } from "../http/handler.ts";
import { openPrivate, type PrivateInterface } from "../http/private.ts";
import { createHttpServer, type HttpServer } from "../http/server.ts";
import { sessionCookie } from "../http/session-cookies.ts";
import { tokenSessions } from "../http/sessions.ts";
import { warmUp } from "../http/warm.ts";
import { BadInstanceFile, type Instance } from "../instance.ts";
import { queueAgeMs } from "../jobs/index.ts";
import { databaseAnswers, type Life, type Role } from "../life.ts";
import { BadService, loadService } from "../load.ts";
import { servesNow } from "../priority.ts";
import { queueDelay } from "../queue-delay.ts";
import { resourcesFor } from "../resources.ts";
import { sessionCodec } from "../session/index.ts";
import { tablesAreThere } from "./tables-there.ts";

/** Files are compressed before others are served, for no longer than this, milliseconds; the rest is meanwhile. */
const ASSETS_MS = 1_000;
/** Where the tables are younger, milliseconds, nobody else serves who could do so meanwhile, and there is nothing to be found in them. */
const NEW_MS = 10_000;

/**
 * Serves the service's requests. It is ready, and accepts, only when the database has answered, the table facts hold and the
 * app says that it is ready; until then it only answers on its private interface.
 */
export function startApp(instance: Instance, log: Logger): Role {
  const { config, secrets } = instance;
  const life: Life = { status: "starting", reason: "loading the service module" };
  const endpoints = endpointsHolder(instance.endpoints, config.endpoints, log);
  const failed = Promise.withResolvers<unknown>();
  let privately: PrivateInterface | undefined;
  let database: Database<unknown> | undefined;
  let server: HttpServer | undefined;

  const start = async () => {
    if (config.listen === undefined) throw noAddress(config.instance);
    const fd = "fd" in config.listen ? config.listen.fd : config.listen.holds;
    privately = await openPrivate({
      socket: config.privateSocket,
      endpoints,
      publicSocket: () => (life.status === "draining" ? undefined : fd),
      log,
      health: () => {
        const { inFlight = 0, connections = 0 } = server?.stats() ?? {};
        const reason = life.reason === undefined ? {} : { reason: life.reason };
        return {
          status: life.status,
          ...reason,
          inFlight,
          connections,
          epoch: database?.epochInUse() ?? endpoints.current().epoch,
          pid: process.pid,
        };
      },
    });

    log.info({ service: config.service }, "loading");
    const loaded = await loadService(config.service);
    const { definition } = loaded.service;

    database = openDatabase<unknown>({
      endpoints: endpoints.current(),
      credentials: secrets.database,
      ...config.database,
      log,
      applicationName: config.instance,
      onTrouble: () => void endpoints.reread(),
    });
    endpoints.onReplace((next) => database?.setEndpoints(next));
    if (!(await databaseAnswers(database, life, log))) return;
    if (!(await tablesAreThere(database, loaded.migrations, life))) return;

    life.reason = "checking the table facts";
    const [problem, ...more] = await checkTableFacts(database.db, definition.tables ?? {});
    if (problem !== undefined) throw new BadService([problem, ...more]);

    life.reason = "waiting for the app to be ready";
    const resources = resourcesFor(loaded.service, instance, database.db, log);
    const handler = await toHandler(await definition.http(resources));
    const assets: Assets | undefined = loaded.assets === undefined ? undefined : await openAssets(loaded.assets, log);
    const queueMs = queueDelay(database.stats, () => performance.now());
    const codec = sessionCodec({ keys: secrets.sessionKeys, deployment: instance.endpoints.deployment });
    if (life.status !== "starting") return;
    const serverOf = (served: Handler) =>
      createHttpServer({
        handler: served,
        assets,
        sessions: tokenSessions(codec, log, sessionCookie(config.instance)),
        log,
        datacenter: config.datacenter,
        limits: config.http,
        queueMs,
      });
    const { warm: paths = [], rehearse } = definition;
    // Tables of an earlier Ninefold do not let us read their age, until the next migration: then they are not new.
    const isNew = (await queueAgeMs(database.db).catch(() => NEW_MS)) < NEW_MS;
    if (!isNew) {
      life.reason = "warming up";
      await Promise.race([assets?.warm(), pause(ASSETS_MS)]);
      await warmUp({
        paths,
        rehearse: rehearse && ((ask) => rehearse({ ...resources, ask })),
        handler,
        serverOf,
        database,
        log,
      });
      if (life.status !== "starting") return;
    }
    server = serverOf(handler);
    const address = await server.listen(config.listen);
    servesNow();
    life.status = "ready";
    life.reason = undefined;
    log.info({ port: address.port }, "ready");
    if (isNew) void assets?.warm();
  };

  const starting = start().catch((error: unknown) => {
    if (life.status !== "starting") return;
    life.status = "failed";
    life.reason = error instanceof Error ? error.message : String(error);
    log.fatal({ err: error }, "the instance cannot serve");
    failed.resolve(error);
  });

  return {
    failed: failed.promise,
    async stop() {
      const served = life.status === "ready";
      life.status = "draining";
      life.reason = undefined;
      if (served && server !== undefined) {
        log.info(server.stats(), "draining");
        const { cut } = await server.drain(config.drainMs);
        if (cut > 0) log.warn({ cut }, "requests were still open at the end of the drain");
      } else await Promise.race([starting, privately?.close()]);
      await database?.close();
      await privately?.close();
      log.info("ended");
    },
  };
}

function noAddress(instance: string): BadInstanceFile {
  const says = "an app needs somewhere to accept requests";
  return new BadInstanceFile([{ at: `${instance}: listen`, says, fix: "Set `listen` to a descriptor or an address" }]);
}
