import type { Route } from "playwright-core";
import { expect, test } from "vitest";
import { unique } from "./api.ts";
import { at, authState, browserTests, gone, see, token } from "./browsing.ts";
import { cutOff, during, failing, refusing, unauthorized } from "./failures.ts";

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

  test("a token that nobody can check is kept, though reads refuse it, and what everybody may read is shown", async () => {
    const author = await conduit.api.member();
    await conduit.api.article(author);
    const page = await conduit.open();
    const end = await during(page, "GET", "**/api/user", failing);
    await page.goto("/login");
    await page.evaluate(() => localStorage.setItem("jwtToken", "not.a.token"));
    await page.goto("/");
    await see(page.locator("text=Connecting"));
    await see(page.locator(".article-preview").first());
    expect(await authState(page)).toBe("unavailable");
    expect(await token(page)).toBe("not.a.token");
    await end();
    await see(page.locator('a[href="/login"]'));
    expect(await authState(page)).toBe("unauthenticated");
  });

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
