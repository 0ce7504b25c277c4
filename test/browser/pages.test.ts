import { expect, test } from "vitest";
import { unique } from "./api.ts";
import { at, authState, browserTests, gone, see, token } from "./browsing.ts";

browserTests("the pages of Conduit", (conduit) => {
  test("signing up, coming back and logging out", async () => {
    const username = unique("user");
    const page = await conduit.open();
    await page.goto("/register");
    await page.fill('input[name="username"]', username);
    await page.fill('input[name="email"]', `${username}@example.com`);
    await page.fill('input[name="password"]', "password123");
    await page.click('button:has-text("Sign up")');
    await at(page, "/");
    await see(page.locator(`nav a[href="/profile/${username}"]`));
    expect(await authState(page)).toBe("authenticated");
    const stored = await page.evaluate(() => localStorage.getItem("jwtToken"));
    expect(stored).toBe(await token(page));

    await page.reload();
    await see(page.locator(`nav a[href="/profile/${username}"]`));
    await page.click('nav a[href="/settings"]');
    await page.click('button.btn-outline-danger:has-text("Or click here to logout")');
    await at(page, "/");
    await see(page.locator('a[href="/login"]'));
    expect(await authState(page)).toBe("unauthenticated");
    expect(await page.evaluate(() => localStorage.getItem("jwtToken"))).toBeNull();
  });

  test("a taken username and a wrong password are told in the form, which keeps what was typed", async () => {
    const member = await conduit.api.member();
    const page = await conduit.open();
    await page.goto("/register");
    await page.fill('input[name="username"]', member.username);
    await page.fill('input[name="email"]', `${unique("other")}@example.com`);
    await page.fill('input[name="password"]', "password123");
    await page.keyboard.press("Enter");
    await see(page.locator("ul.error-messages li", { hasText: "username has already been taken" }));
    expect(await page.inputValue('input[name="username"]')).toBe(member.username);

    await page.goto("/login");
    await page.fill('input[name="email"]', member.email);
    await page.fill('input[name="password"]', "not the password");
    await page.click('button:has-text("Sign in")');
    await see(page.locator("ul.error-messages"));
    await at(page, "/login");
    await page.fill('input[name="password"]', member.password);
    await page.click('button:has-text("Sign in")');
    await at(page, "/");
    await see(page.locator(`nav a[href="/profile/${member.username}"]`));
  });

  test("an empty form is sent, and the API's complaints are shown", async () => {
    const page = await conduit.open(await conduit.api.member());
    await page.goto("/editor");
    await page.click('button:has-text("Publish Article")');
    await see(page.locator("ul.error-messages li", { hasText: "title can't be blank" }));
  });

  test("what members see is closed to strangers", async () => {
    const page = await conduit.open();
    for (const path of ["/settings", "/editor", "/editor/some-slug", "/notifications", "/?feed=following"]) {
      await page.goto(path);
      await at(page, "/login");
    }
  });

  test("the settings change bio, picture, name and password", async () => {
    const member = await conduit.api.member();
    const renamed = unique("renamed");
    const page = await conduit.open(member);
    await page.goto("/settings");
    expect(await page.inputValue('input[name="username"]')).toBe(member.username);
    expect(await page.inputValue('input[name="image"]')).toBe("");
    expect(await page.inputValue('textarea[name="bio"]')).toBe("");
    await page.fill('input[name="image"]', "https://pictures.example/me.png");
    await page.fill('textarea[name="bio"]', "First line\nsecond line");
    await page.fill('input[name="username"]', renamed);
    await page.fill('input[name="password"]', "a new password");
    await page.click('button:has-text("Update Settings")');
    await at(page, `/profile/${renamed}`);
    await see(page.locator("h4", { hasText: renamed }));
    await see(page.locator(".user-info p", { hasText: "second line" }));
    await see(page.locator('.user-img[src="https://pictures.example/me.png"]'));
    await see(page.locator(`nav a[href="/profile/${renamed}"]`));
    await conduit.api.call("POST", "/users/login", undefined, {
      user: { email: member.email, password: "a new password" },
    });
  });

  test("a picture from a file becomes the avatar at once", async () => {
    const page = await conduit.open(await conduit.api.member());
    await page.goto("/settings");
    await see(page.locator('nav img.user-pic[src*="default-avatar.svg"]'));
    const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await page.setInputFiles('input[type="file"]', {
      name: "me.png",
      mimeType: "image/png",
      buffer: Buffer.from(pixel, "base64"),
    });
    await see(page.locator('nav img.user-pic[src^="/api/images/"]'));
    await expect.poll(() => page.evaluate("document.querySelector('nav img.user-pic').naturalWidth")).toBe(1);
    await page.setInputFiles('input[type="file"]', { name: "a.png", mimeType: "image/png", buffer: Buffer.from("no") });
    await see(page.locator("ul.error-messages li", { hasText: "image" }));
    await page.reload();
    await see(page.locator('nav img.user-pic[src^="/api/images/"]'));
  });

  test("followers are told of new articles, and what they read stays read", async () => {
    const [author, reader] = [await conduit.api.member(), await conduit.api.member()];
    await conduit.api.follow(reader, author);
    const page = await conduit.open(reader);
    await page.goto("/notifications");
    await see(page.locator(".empty-feed-message"));
    await conduit.api.article(author, { title: "News for my followers" });
    const badge = page.locator('nav a[href="/notifications"] .badge');
    await conduit.runJobs();
    await page.reload();
    await see(badge);
    await see(page.locator(".notification.unread a", { hasText: "News for my followers" }));
    await page.click('button:has-text("Mark all as read")');
    await gone(badge);
    await page.reload();
    await see(page.locator(".notification:not(.unread)"));
    await page.click('.notification a:has-text("News for my followers")');
    await see(page.locator("h1", { hasText: "News for my followers" }));
  });

  test("unknown addresses, articles and users have pages of their own", async () => {
    const page = await conduit.open();
    const cases = [
      ["/no/such/page", "Page not found"],
      ["/article/no-such-article", "No such article"],
      ["/profile/no-such-user", "No such user"],
    ] as const;
    for (const [path, heading] of cases) {
      await page.goto(path);
      await see(page.locator("h1", { hasText: heading }));
      await see(page.locator("nav.navbar"));
    }
    await page.evaluate(`{
      const link = document.body.appendChild(document.createElement("a"));
      link.href = "/profile/%E0%A4%A";
      link.click();
    }`);
    await see(page.locator("h1", { hasText: "Page not found" }));
    await page.click("a.navbar-brand");
    await see(page.locator(".feed-toggle"));
  });

  test("every page names itself, opens from its address, and fits a narrow screen", async () => {
    const member = await conduit.api.member();
    const title = `An${"extraordinarily".repeat(8)}long title`;
    const slug = await conduit.api.article(member, {
      title,
      body: `${"word".repeat(80)}\n\n    ${"code ".repeat(60)}`,
      tagList: ["x".repeat(60)],
    });
    const page = await conduit.open(member, { viewport: { width: 390, height: 800 } });
    const pages = [
      ["/", "Conduit", ".article-preview"],
      ["/?feed=following", "Your Feed — Conduit", ".empty-feed-message"],
      [`/tag/${"x".repeat(60)}`, `#${"x".repeat(60)} — Conduit`, ".article-preview"],
      ["/editor", "New article — Conduit", 'input[name="title"]'],
      [`/editor/${slug}`, "Edit article — Conduit", 'input[name="title"]'],
      ["/settings", "Settings — Conduit", 'input[name="email"]'],
      ["/notifications", "Notifications — Conduit", ".empty-feed-message"],
      [`/profile/${member.username}`, `${member.username} — Conduit`, ".article-preview"],
      [`/profile/${member.username}/favorites`, `Favorites of ${member.username} — Conduit`, ".empty-feed-message"],
      [`/article/${slug}`, `${title} — Conduit`, ".article-content p"],
      ["/nowhere", "Page not found — Conduit", "h1"],
    ] as const;
    for (const [path, name, shows] of pages) {
      await page.goto(path);
      await see(page.locator(shows).first());
      await expect.poll(() => page.title()).toBe(name);
      const width = await page.evaluate("document.documentElement.scrollWidth");
      expect(width, `width of ${path}`).toBeLessThanOrEqual(390);
    }
  });
});
