import { join } from "node:path";
import { build } from "vite";
import { startConduit } from "../../examples/conduit/testing.ts";
import { hostApp } from "../../src/runtime/http/testing.ts";

const WEB = join(import.meta.dirname, "../../examples/conduit/web");

/** Conduit as users get it: pages and API from Ninefold's own server, over a real PostgreSQL. */
export interface ServedConduit extends AsyncDisposable {
  readonly url: string;
  /** Runs what waits to be done in the background, until nothing is left. */
  runJobs(): Promise<void>;
}

/** @param folder for the built browser client: built anew, because an old one would let old mistakes pass */
export async function serveConduit(folder: string): Promise<ServedConduit> {
  const assets = join(folder, "public");
  await build({ configFile: join(WEB, "vite.config.ts"), logLevel: "error", build: { outDir: assets } });
  await using undo = new AsyncDisposableStack();
  const conduit = undo.use(await startConduit());
  const hosted = undo.use(
    await hostApp(conduit.app, {
      assets: { folder: assets, fallback: "index.html", appPrefixes: ["/api"] },
      logLevel: "error",
    }),
  );
  const running = undo.move();
  return { url: hosted.url, runJobs: conduit.runJobs, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
