import type { Page, Route } from "playwright-core";
import { expect, test } from "vitest";
import { unique } from "./api.ts";
import { at, authState, browserTests, gone, see, token } from "./browsing.ts";

const failing = (route: Route) => route.fulfill({ status: 500, json: { errors: { server: ["is on fire"] } } });
const cutOff = (route: Route) => route.abort("internetdisconnected");
const unauthorized = (route: Route) => route.fulfill({ status: 401, json: { errors: { token: ["is invalid"] } } });
const refusing = (route: Route) => route.fulfill({ status: 403, json: { errors: { article: ["forbidden"] } } });

/** Lets requests of one method fail until the returned function is called. */
async function during(page: Page, method: string, url: string, how: (route: Route) => Promise<void>) {
  const handler = (route: Route) => (route.request().method() === method ? how(route) : route.fallback());
  await page.route(url, handler);
  return () => page.unroute(url, handler);
}

browserTests("Conduit's pages in trouble", (conduit) => {
  for (const [what, how] of [
    ["answers 500", failing],
    ["is out of reach", cutOff],
    ["answers nonsense", (route: Route) => route.fulfill({ body: "{ not json" })],
  ] as const) {
    test(`while the API ${what}, a member is not logged out, and is back when it is`, async () => {
      const member = await conduit.api.member();
      const page = await conduit.open(member);
      const end = await during(page, "GET", "**/api/**", how);
      await page.goto("/");
      await see(page.locator("text=Connecting"));
      await see(page.locator(".empty-feed-message", { hasText: "Could not load the articles" }));
      expect(await authState(page)).toBe("unavailable");
      await page.reload();
      await see(page.locator("text=Connecting"));
      expect(await token(page)).toBe(member.token);
      expect(await page.evaluate(() => localStorage.getItem("jwtToken"))).toBe(member.token);
      await end();
      await see(page.locator(`nav a[href="/profile/${member.username}"]`));
      await gone(page.locator(".load-failure").first());
      expect(await authState(page)).toBe("authenticated");
    });
  }

  test("a 401 logs out, and the page goes on as for a stranger", async () => {
    const author = await conduit.api.member();
    await conduit.api.article(author);
    const page = await conduit.open(await conduit.api.member());
    await page.route("**/api/user", unauthorized);
    await page.goto("/");
    await see(page.locator('a[href="/login"]'));
    await see(page.locator(".article-preview").first());
    expect(await authState(page)).toBe("unauthenticated");
    expect(await page.evaluate(() => localStorage.getItem("jwtToken"))).toBeNull();
    for (const path of ["/settings", "/editor"]) {
      await page.evaluate(() => localStorage.setItem("jwtToken", "not.a.token"));
      await page.goto(path);
      await at(page, "/login");
    }
  });

  test("every page says what it could not load, and tries again when asked", async () => {
    const member = await conduit.api.member();
    const slug = await conduit.api.article(member, { tagList: [unique("tag")] });
    await conduit.api.comment(member, slug, "A comment");
    const page = await conduit.open(member);
    const cases = [
      ["/", "**/api/articles?*", "the articles", ".article-preview"],
      ["/", "**/api/tags", "the tags", ".sidebar .tag-pill"],
      ["/?feed=following", "**/api/articles/feed?*", "the articles", ".empty-feed-message"],
      [`/article/${slug}`, `**/api/articles/${slug}`, "the article", ".article-content p"],
      [`/article/${slug}`, `**/api/articles/${slug}/comments`, "the comments", ".card:not(.comment-form)"],
      [`/profile/${member.username}`, "**/api/profiles/*", "the profile", ".user-info h4"],
      [`/editor/${slug}`, `**/api/articles/${slug}`, "the article", 'input[name="title"]'],
      ["/settings", "**/api/user", "your settings", 'input[name="email"]'],
      ["/notifications", "**/api/notifications?limit=20*", "your notifications", ".empty-feed-message"],
    ] as const;
    for (const [index, [path, url, what, shows]] of cases.entries()) {
      const end = await during(page, "GET", url, index % 2 === 0 ? failing : cutOff);
      await page.goto(path);
      const failure = page.locator(".load-failure", { hasText: `Could not load ${what}.` });
      await see(failure);
      await see(page.locator("nav.navbar"));
      expect(await page.locator(".user-info").count()).toBe(0);
      await end();
      await failure.getByRole("button", { name: "Try again" }).click();
      await see(page.locator(shows).first());
    }
  });

  test("forms keep what was typed while the API is away, and send it when it is back", async () => {
    const member = await conduit.api.member();
    const slug = await conduit.api.article(member);
    const stranger = unique("late");
    const account = { email: `${stranger}@example.com`, password: "password123" };
    const cases = [
      {
        path: "/register",
        fields: { username: stranger, ...account },
        button: "Sign up",
        leadsTo: "/",
        signedIn: false,
      },
      { path: "/login", fields: account, button: "Sign in", leadsTo: "/", signedIn: false },
      {
        path: "/editor",
        fields: { title: unique("Kept "), description: "kept", body: "kept body" },
        button: "Publish Article",
        leadsTo: /\/article\//,
        signedIn: true,
      },
      {
        path: `/editor/${slug}`,
        fields: { description: "kept too", body: "kept" },
        button: "Publish Article",
        leadsTo: /\/article\//,
        signedIn: true,
      },
      {
        path: "/settings",
        fields: { bio: "kept bio" },
        button: "Update Settings",
        leadsTo: `/profile/${member.username}`,
        signedIn: true,
      },
    ];
    for (const { path, fields, button, leadsTo, signedIn } of cases) {
      const page = await conduit.open(signedIn ? member : undefined);
      await page.goto(path);
      for (const [name, value] of Object.entries(fields)) await page.fill(`[name="${name}"]`, value);
      for (const [how, says] of [
        [cutOff, "Unable to connect"],
        [failing, "trouble (500)"],
      ] as const) {
        await page.route("**/api/**", how);
        await page.click(`button:has-text("${button}")`);
        await see(page.locator("ul.error-messages", { hasText: says }));
        await page.unroute("**/api/**", how);
        for (const [name, value] of Object.entries(fields)) {
          expect(await page.inputValue(`[name="${name}"]`)).toBe(value);
        }
      }
      await page.click(`button:has-text("${button}")`);
      await page.waitForURL((url) =>
        typeof leadsTo === "string" ? url.pathname === leadsTo : leadsTo.test(url.pathname),
      );
    }
  });

  test("a comment is kept until it could be posted, even when the session ends meanwhile", async () => {
    const member = await conduit.api.member();
    const slug = await conduit.api.article(await conduit.api.member());
    const page = await conduit.open(member);
    await page.goto(`/article/${slug}`);
    const text = page.getByPlaceholder("Write a comment...");
    await text.fill("Written at length");
    for (const [how, says] of [
      [cutOff, "Unable to connect"],
      [unauthorized, "Sign in again in a new tab"],
    ] as const) {
      const end = await during(page, "POST", "**/comments", how);
      // What a new session makes the page load anew must not take the form away when it cannot be had.
      const endReads = await during(page, "GET", "**/api/articles/**", failing);
      await page.click('button:has-text("Post Comment")');
      await see(page.locator(".comment-form .error-messages", { hasText: says }));
      expect(await text.inputValue()).toBe("Written at length");
      await end();
      await endReads();
    }
    expect(await authState(page)).toBe("unauthenticated");

    const tab = await page.context().newPage();
    await tab.goto("/login");
    await tab.fill('input[name="email"]', member.email);
    await tab.fill('input[name="password"]', member.password);
    await tab.click('button:has-text("Sign in")');
    await at(tab, "/");
    await see(page.locator(`nav a[href="/profile/${member.username}"]`));
    await page.click('button:has-text("Post Comment")');
    await see(page.locator(".card:not(.comment-form) .card-block", { hasText: "Written at length" }));
  });

  test("a 401 to the settings logs out but leaves the form as it is", async () => {
    const page = await conduit.open(await conduit.api.member());
    await page.goto("/settings");
    await page.fill('textarea[name="bio"]', "typed");
    await during(page, "PUT", "**/api/user", unauthorized);
    await page.click('button:has-text("Update Settings")');
    await see(page.locator("ul.error-messages"));
    expect(await page.inputValue('textarea[name="bio"]')).toBe("typed");
    expect(await token(page)).toBeNull();
  });

  test("what is refused is said, and shown as it was before", async () => {
    const [author, reader] = [await conduit.api.member(), await conduit.api.member()];
    const slug = await conduit.api.article(author);
    await conduit.api.comment(reader, slug, "Mine");
    const page = await conduit.open(reader);
    await page.goto(`/article/${slug}`);
    for (const how of [failing, cutOff, refusing]) {
      await page.route(/\/(favorite|follow|comments\/\d+)$/, how);
      await page.locator('button:has-text("Favorite Article")').first().click();
      await see(page.locator(".notice .error-messages"));
      await see(page.locator('button.btn-outline-primary:has-text("Favorite Article (0)")').first());
      await page.click(".notice-close");
      await page.locator(`button:has-text("Follow ${author.username}")`).first().click();
      await see(page.locator(".notice .error-messages"));
      expect(await page.locator(`button:has-text("Unfollow ${author.username}")`).count()).toBe(0);
      await page.click(".notice-close");
      await page.click("i.ion-trash-a");
      await see(page.locator(".card .error-messages"));
      await see(page.locator(".card:not(.comment-form) .card-block", { hasText: "Mine" }));
      await page.unroute(/\/(favorite|follow|comments\/\d+)$/, how);
    }
  });

  test("what is sent twice in haste arrives once", async () => {
    const member = await conduit.api.member();
    const slug = await conduit.api.article(member);
    const page = await conduit.open(member);
    let sent = 0;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await during(page, "POST", "**/api/**", async (route) => {
      sent += 1;
      await released;
      await route.continue();
    });
    await page.goto(`/article/${slug}`);
    await page.getByPlaceholder("Write a comment...").fill("Only once");
    const button = page.locator('.comment-form button[type="submit"]');
    // Both clicks come before the page can draw the button as disabled.
    await page.evaluate(
      "for (const i of [1, 2, 3]) document.querySelector('.comment-form button[type=submit]').click()",
    );
    await expect.poll(() => button.isDisabled()).toBe(true);
    release();
    await see(page.locator(".card:not(.comment-form)", { hasText: "Only once" }));
    expect(sent).toBe(1);
    await page.reload();
    await see(page.locator(".card:not(.comment-form)", { hasText: "Only once" }));
  });

  test("a busy API is asked again when it says, without a word to the reader", async () => {
    await conduit.api.article(await conduit.api.member());
    const page = await conduit.open();
    let asked = 0;
    await page.route("**/api/articles?*", (route) => {
      asked += 1;
      return asked < 3 ? route.fulfill({ status: 503, headers: { "Retry-After": "0" }, body: "" }) : route.fallback();
    });
    const told: string[] = [];
    await page.exposeFunction("told", (text: string) => told.push(text));
    await page.addInitScript(`new MutationObserver(() => {
      const failure = document.querySelector(".load-failure");
      if (failure) told(failure.textContent);
    }).observe(document, { childList: true, subtree: true })`);
    await page.goto("/");
    await see(page.locator(".article-preview").first());
    expect(asked).toBe(3);
    expect(told).toEqual([]);
  });

  test("the token is never part of an address", async () => {
    const member = await conduit.api.member();
    const slug = await conduit.api.article(member);
    const page = await conduit.open(member);
    const addresses: string[] = [];
    page.on("request", (request) => addresses.push(request.url()));
    for (const path of ["/", "/?feed=following", `/article/${slug}`, "/settings", "/notifications"]) {
      await page.goto(path);
      await see(page.locator(`nav a[href="/profile/${member.username}"]`));
    }
    expect(addresses.length).toBeGreaterThan(20);
    expect(addresses.filter((address) => address.includes(member.token))).toEqual([]);
    const foreign = addresses.filter((address) => !address.startsWith(conduit.url) && !address.startsWith("data:"));
    expect(foreign, "requests to other hosts").toEqual([]);
  });

  test("without the renderer of articles their text is still there to read", async () => {
    const slug = await conduit.api.article(await conduit.api.member(), { body: "Plain *words*" });
    const page = await conduit.open();
    await page.route("**/assets/render-markdown-*", cutOff);
    await page.goto(`/article/${slug}`);
    await see(page.locator(".article-content p", { hasText: "Plain *words*" }));
  });
});
