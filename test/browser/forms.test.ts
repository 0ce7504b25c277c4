import { expect, test } from "vitest";
import { unique } from "./api.ts";
import { at, authState, browserTests, see, token } from "./browsing.ts";
import { cutOff, during, failing, unauthorized } from "./failures.ts";

browserTests("Conduit's forms in trouble", (conduit) => {
  const forms = [
    { path: () => "/register", fields: ["username", "email", "password"], button: "Sign up", leadsTo: /^\/$/ },
    { path: () => "/login", fields: ["email", "password"], button: "Sign in", leadsTo: /^\/$/ },
    {
      path: () => "/editor",
      fields: ["title", "description", "body"],
      button: "Publish Article",
      leadsTo: /^\/article\//,
    },
    {
      path: (slug: string) => `/editor/${slug}`,
      fields: ["description", "body"],
      button: "Publish Article",
      leadsTo: /^\/article\//,
    },
    { path: () => "/settings", fields: ["bio"], button: "Update Settings", leadsTo: /^\/profile\// },
  ];
  for (const { path, fields, button, leadsTo } of forms) {
    test(`${path(":slug")} keeps what was typed while the API is away, and sends it when it is back`, async () => {
      const member = await conduit.api.member();
      const slug = await conduit.api.article(member);
      const stranger = button.startsWith("Sign");
      const values: Readonly<Record<string, string>> =
        button === "Sign in" ? { ...member } : { email: `${unique("late")}@example.com`, password: "password123" };
      const value = (name: string) => values[name] ?? `Kept ${name}`;
      const page = await conduit.open(stranger ? undefined : member);
      await page.goto(path(slug));
      for (const name of fields) await page.fill(`[name="${name}"]`, value(name));
      for (const [how, says] of [
        [cutOff, "Unable to connect"],
        [failing, "trouble (500)"],
      ] as const) {
        await page.route("**/api/**", how);
        await page.click(`button:has-text("${button}")`);
        await see(page.locator("ul.error-messages", { hasText: says }));
        await page.unroute("**/api/**", how);
        for (const name of fields) expect(await page.inputValue(`[name="${name}"]`)).toBe(value(name));
      }
      await page.click(`button:has-text("${button}")`);
      await page.waitForURL((url) => leadsTo.test(url.pathname));
    });
  }

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
});
