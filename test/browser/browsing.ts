import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ConduitApi, conduitApi, type Member } from "./api.ts";
import { findChromium, launchChromium } from "./chromium.ts";
import { type ServedConduit, serveConduit } from "./conduit.ts";

export interface Browsing {
  readonly url: string;
  readonly api: ConduitApi;
  /** Runs what waits to be done in the background, until nothing is left. */
  runJobs(): Promise<void>;
  /** A page of a browser profile of its own, signed in as `member` if given. Any uncaught error in it fails the test. */
  open(member?: Member, options?: BrowserContextOptions): Promise<Page>;
}

/** Tests in a browser against the whole of Conduit; left out, saying why, where there is no Chromium. */
export function browserTests(name: string, define: (browsing: Browsing) => void): void {
  const path = findChromium();
  if (path === undefined) {
    test.skip(`${name}: left out, because no Chromium was found (install the package chromium, or set CHROMIUM)`);
    return;
  }
  describe(name, () => {
    const running = new AsyncDisposableStack();
    let browser: Browser;
    let served: ServedConduit;
    let opened: Page[] = [];
    let crashes: Error[] = [];

    beforeAll(async () => {
      const folder = await mkdtemp(join(tmpdir(), "conduit-browser-"));
      running.defer(() => rm(folder, { recursive: true, force: true }));
      served = running.use(await serveConduit(folder));
      browser = await launchChromium(path);
      running.defer(() => browser.close());
    });
    afterAll(() => running.disposeAsync());
    afterEach(async () => {
      await Promise.all(opened.map((page) => page.context().close()));
      const [crash] = crashes;
      opened = [];
      crashes = [];
      expect(crash, "an error that no part of the page caught").toBeUndefined();
    });

    /** Browsers have heard of what was done behind their backs, as when one user tells another. */
    const tell = async (contexts = opened.map((page) => page.context())) => {
      const session = await served.latestSession();
      if (session === undefined) return;
      const cookie = { name: "ninefold_session", value: session, url: served.url };
      await Promise.all(contexts.map((context) => context.addCookies([cookie])));
    };

    define({
      get url() {
        return served.url;
      },
      async runJobs() {
        await served.runJobs();
        await tell();
      },
      get api() {
        return conduitApi({ ...served, done: tell });
      },
      async open(member, options) {
        const context = await browser.newContext({ baseURL: served.url, ...options });
        context.setDefaultTimeout(20_000);
        await tell([context]);
        const page = await context.newPage();
        page.on("pageerror", (error) => crashes.push(error));
        opened.push(page);
        if (member) {
          await page.addInitScript((token) => {
            // Only once: the test may sign out.
            if (sessionStorage.getItem("signed-in")) return;
            sessionStorage.setItem("signed-in", "yes");
            localStorage.setItem("jwtToken", token);
          }, member.token);
        }
        return page;
      },
    });
  });
}

/** Waits until exactly one element matches and is visible. */
export async function see(locator: Locator): Promise<void> {
  await locator.waitFor({ state: "visible" });
}

export async function gone(locator: Locator): Promise<void> {
  await locator.waitFor({ state: "hidden" });
}

export const authState = (page: Page) => page.evaluate("__conduit_debug__.getAuthState()");
export const token = (page: Page) => page.evaluate("__conduit_debug__.getToken()");
export const path = (page: Page) => page.url().replace(new URL(page.url()).origin, "");

/** Waits until the address is exactly this path and query. */
export async function at(page: Page, wanted: string): Promise<void> {
  await page.waitForURL((url) => url.pathname + url.search === wanted);
}
