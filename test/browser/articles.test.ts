import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { unique } from "./api.ts";
import { at, browserTests, gone, path, see } from "./browsing.ts";

browserTests("articles in Conduit", (conduit) => {
  const write = async (page: Page, title: string, body: string) => {
    await page.goto("/editor");
    await page.fill('input[name="title"]', title);
    await page.fill('input[name="description"]', "In short");
    await page.fill('textarea[name="body"]', body);
  };
  const tags = (page: Page) => page.locator(".tag-list .tag-default").allInnerTexts();

  test("an article is written, with its tags from the keyboard, changed and deleted", async () => {
    const page = await conduit.open(await conduit.api.member());
    const title = unique("Written ");
    await write(page, title, "# A heading\n\nSome **text**.\n\n- one\n\n[Example](https://example.com)");
    const entry = page.getByPlaceholder("Enter tags");
    for (const tag of ["alpha", "beta", "alpha", "  gamma  "]) {
      await entry.fill(tag);
      await entry.press("Enter");
      expect(await entry.inputValue()).toBe("");
    }
    await at(page, "/editor");
    expect(await tags(page)).toEqual(["alpha", "beta", "gamma"]);
    await entry.press("Backspace");
    expect(await tags(page)).toEqual(["alpha", "beta"]);
    await page.locator(".tag-pill", { hasText: "alpha" }).locator("i").click();
    await entry.fill("typed but not entered");
    await page.click('button:has-text("Publish Article")');
    await page.waitForURL(/\/article\/.+/);
    await see(page.locator(".banner h1", { hasText: title }));
    await see(page.locator(".article-content h1", { hasText: "A heading" }));
    await see(page.locator('.article-content a[href="https://example.com"]'));
    expect(await tags(page)).toEqual(["beta", "typed but not entered"]);

    await page.click('a:has-text("Edit Article")');
    await page.waitForURL(/\/editor\/.+/);
    expect(await page.inputValue('input[name="title"]')).toBe(title);
    await page.fill('input[name="title"]', `${title} again`);
    while ((await page.locator(".tag-pill i").count()) > 0) await page.locator(".tag-pill i").first().click();
    const sent = page.waitForRequest((request) => request.method() === "PUT");
    await page.click('button:has-text("Publish Article")');
    expect((await sent).postDataJSON()).toMatchObject({ article: { tagList: [] } });
    await see(page.locator(".banner h1", { hasText: `${title} again` }));
    expect(await tags(page)).toEqual([]);

    await page.click('button:has-text("Delete Article")');
    await at(page, "/");
    await see(page.locator(".feed-toggle"));
    await gone(page.locator(".article-preview h1", { hasText: title }));
  });

  test("only its author can change an article", async () => {
    const [author, other] = [await conduit.api.member(), await conduit.api.member()];
    const slug = await conduit.api.article(author);
    const page = await conduit.open(other);
    await page.goto(`/article/${slug}`);
    await see(page.getByRole("button", { name: `Follow ${author.username}` }).first());
    expect(await page.locator('a:has-text("Edit Article"), button:has-text("Delete Article")').count()).toBe(0);
    await page.goto(`/editor/${slug}`);
    await at(page, `/article/${slug}`);
  });

  test("comments are added, shown newest first, and deleted by their authors only", async () => {
    const [author, reader] = [await conduit.api.member(), await conduit.api.member()];
    const slug = await conduit.api.article(author);
    await conduit.api.comment(author, slug, "From the author");
    const page = await conduit.open(reader);
    await page.goto(`/article/${slug}`);
    const comments = page.locator(".card:not(.comment-form) .card-block");
    await see(comments.filter({ hasText: "From the author" }));
    await page.fill('textarea[placeholder="Write a comment..."]', "From a reader");
    await page.click('button:has-text("Post Comment")');
    await see(comments.filter({ hasText: "From a reader" }));
    expect(await page.inputValue('textarea[placeholder="Write a comment..."]')).toBe("");
    expect(await comments.allInnerTexts()).toEqual(["From a reader", "From the author"]);
    expect(await page.locator("span.mod-options i.ion-trash-a").count()).toBe(1);
    await page.click("span.mod-options i.ion-trash-a");
    await gone(comments.filter({ hasText: "From a reader" }));
    await page.reload();
    await see(comments.filter({ hasText: "From the author" }));
    expect(await comments.count()).toBe(1);
  });

  test("favouriting and following show at once and last", async () => {
    const [author, reader] = [await conduit.api.member(), await conduit.api.member()];
    const title = unique("Liked ");
    const slug = await conduit.api.article(author, { title });
    const page = await conduit.open(reader);
    await page.goto(`/article/${slug}`);
    await page.click('button.btn-outline-primary:has-text("Favorite Article")');
    await see(page.locator('button.btn-primary:has-text("Unfavorite Article")').first());
    await page.click(`button:has-text("Follow ${author.username}")`);
    await see(page.locator(`button:has-text("Unfollow ${author.username}")`).first());
    await page.reload();
    await see(page.locator('button.btn-primary:has-text("Unfavorite Article (1)")').first());
    await see(page.locator(`button:has-text("Unfollow ${author.username}")`).first());

    await page.goto("/?feed=following");
    await see(page.locator(".article-preview h1", { hasText: title }));
    await page.goto(`/profile/${reader.username}`);
    await page.click('a:has-text("Favorited")');
    await at(page, `/profile/${reader.username}/favorites`);
    const preview = page.locator(".article-preview", { hasText: title });
    await see(preview);
    await preview.locator("button.btn-primary").click();
    await see(preview.locator("button.btn-outline-primary"));
    await page.reload();
    await see(page.locator(".empty-feed-message"));
  });

  test("a stranger who wants to favourite, follow or comment signs in and comes back", async () => {
    const [author, reader] = [await conduit.api.member(), await conduit.api.member()];
    const slug = await conduit.api.article(author);
    const page = await conduit.open();
    const article = `/article/${slug}`;
    for (const selector of ['button:has-text("Favorite")', 'button:has-text("Follow")']) {
      await page.goto(article);
      await page.locator(selector).first().click();
      await at(page, "/login");
    }
    await page.goto(article);
    await page.locator(".comment-invitation a", { hasText: "Sign in" }).click();
    await page.fill('input[name="email"]', reader.email);
    await page.fill('input[name="password"]', reader.password);
    await page.click('button:has-text("Sign in")');
    await at(page, article);
    await see(page.getByPlaceholder("Write a comment..."));
  });

  test("the page to return to after signing in is one of ours", async () => {
    const reader = await conduit.api.member();
    for (const next of ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]) {
      const page = await conduit.open(reader);
      await page.goto(`/login?next=${encodeURIComponent(next)}`);
      await at(page, "/");
    }
  });

  test("lists are paged by address, and another list begins at its first page", async () => {
    const author = await conduit.api.member();
    const tag = unique("tag");
    for (let i = 1; i <= 12; i++) await conduit.api.article(author, { title: `Number ${i}`, tagList: [tag] });
    const page = await conduit.open(author);
    const titles = page.locator(".article-preview h1");
    await page.goto(`/tag/${tag}`);
    await see(page.locator(".nav-link.active", { hasText: tag }));
    await see(page.locator(".pagination .page-item.active", { hasText: "1" }));
    expect(await titles.count()).toBe(10);
    await page.locator(".pagination .page-link", { hasText: "2" }).click();
    await at(page, `/tag/${tag}?page=2`);
    await see(titles.filter({ hasText: /^Number 1$/ }));
    expect(await titles.allInnerTexts()).toEqual(["Number 2", "Number 1"]);
    await page.reload();
    await see(page.locator(".pagination .page-item.active", { hasText: "2" }));
    await page.goBack();
    await see(titles.filter({ hasText: "Number 12" }));
    await page.goto(`/profile/${author.username}?page=2`);
    await see(titles.filter({ hasText: /^Number 1$/ }));
    await page.click('a.nav-link:has-text("Home")');
    await see(page.locator(".nav-link.active", { hasText: "Global Feed" }));
    expect(path(page)).toBe("/");
    await see(page.locator(".sidebar .tag-list .tag-pill", { hasText: tag }));
    await page.locator(".sidebar .tag-pill", { hasText: tag }).click();
    await at(page, `/tag/${tag}`);
  });

  test("your feed says what to do while it is empty", async () => {
    const page = await conduit.open(await conduit.api.member());
    await page.goto("/");
    await page.click('.nav-link:has-text("Your Feed")');
    await at(page, "/?feed=following");
    await see(page.locator(".empty-feed-message", { hasText: "Your feed is empty" }));
    await page.click('.empty-feed-message a[href="/"]');
    await see(page.locator(".nav-link.active", { hasText: "Global Feed" }));
  });

  test("the keyboard alone is enough to read and favourite", async () => {
    const author = await conduit.api.member();
    await conduit.api.article(author, { title: unique("Keyboard ") });
    const page = await conduit.open(await conduit.api.member());
    await page.goto("/");
    await see(page.locator(".article-preview").first());
    const heart = page.locator(".article-preview button").first();
    await heart.focus();
    await page.keyboard.press("Space");
    await see(page.locator(".article-preview button.btn-primary").first());
    expect(await page.locator(".article-preview button:focus").count()).toBe(1);
    await page.locator(".preview-link").first().focus();
    await page.keyboard.press("Enter");
    await see(page.locator(".article-page .banner h1"));
    await page.locator("main:focus").waitFor({ state: "attached" });
  });
});
