import { join } from "node:path";
import { build } from "vite";
import { startConduit } from "../../examples/conduit/testing.ts";
import { hostApp } from "../../src/runtime/http/testing.ts";

const WEB = join(import.meta.dirname, "../../examples/conduit/web");

/** Conduit as users get it: pages and API from Ninefold's own server, over a real PostgreSQL; or the one that runs already. */
export interface ServedConduit extends AsyncDisposable {
  readonly url: string;
  /** Runs what waits to be done in the background, until nothing is left. */
  runJobs(): Promise<void>;
  /** Token of a session that has seen all that was written so far; undefined where every session does. */
  latestSession(): Promise<string | undefined>;
}

/** @param folder for the built browser client: built anew, because an old one would let old mistakes pass */
export async function serveConduit(folder: string): Promise<ServedConduit> {
  await using undo = new AsyncDisposableStack();
  const conduit = undo.use(await startConduit());
  if (conduit.app === undefined) {
    undo.move();
    return conduit;
  }
  const assets = join(folder, "public");
  await build({ configFile: join(WEB, "vite.config.ts"), logLevel: "error", build: { outDir: assets } });
  const hosted = undo.use(
    await hostApp(conduit.app, {
      assets: { folder: assets, fallback: "index.html", appPrefixes: ["/api"] },
      logLevel: "error",
    }),
  );
  const running = undo.move();
  const { runJobs, latestSession } = conduit;
  return { url: hosted.url, runJobs, latestSession, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
