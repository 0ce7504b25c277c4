import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { unique } from "./api.ts";
import { browserTests, see } from "./browsing.ts";

/** Each would set `window.hit` if any of it ran. */
const ATTACKS = [
  "<script>window.hit='script'</script>",
  "<img src=x onerror=\"window.hit='onerror'\">",
  "<svg onload=\"window.hit='svg'\"><script>window.hit='svg script'</script></svg>",
  "<math><mtext><table><mglyph><style><img src=x onerror=\"window.hit='mutation'\">",
  "<iframe srcdoc=\"<script>parent.hit='frame'</script>\"></iframe>",
  "<details open ontoggle=\"window.hit='toggle'\">x</details>",
  "<form action=\"javascript:window.hit='form'\"><button>Publish</button></form>",
  "<a href=\"javascript:window.hit='link'\">click</a>",
  "<a href=\"  &#106;avascript:window.hit='entity'\">click</a>",
  "[click](javascript:window.hit='markdown')",
  "[click](java\tscript:window.hit='tab')",
  "[click](data:text/html,<script>parent.hit='data'</script>)",
  "![x](x\"onerror=\"window.hit='image')",
  "<style>@import 'javascript:0'; body { display: none }</style>",
  '<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=javascript:window.hit=\'meta\'">',
  '" onmouseover="window.hit=\'attribute\'" x="',
  "'-(window.hit='quote')-'",
  "{{constructor.constructor('window.hit=1')()}}",
];
const BODY = ATTACKS.join("\n\n");
const LINE = ATTACKS.slice(0, 3).join(" ");

/** Looks at everything, clicks every link in texts of users, and finds nothing that ran or could run. */
async function unharmed(page: Page): Promise<void> {
  await page.evaluate(`for (const link of document.querySelectorAll(".article-content a")) {
    link.addEventListener("click", (event) => event.preventDefault());
    link.click();
    link.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
  }`);
  expect(await page.evaluate("window.hit")).toBeUndefined();
  const found = await page.evaluate(`[...document.querySelectorAll("#app *")].flatMap((element) => [
    ...(/^(script|style|iframe|object|embed|base|meta|form)$/i.test(element.tagName) &&
      !element.matches(".comment-form, .auth-page form, .editor-page form, .settings-page form") ? [element.outerHTML] : []),
    ...[...element.attributes].filter(({ name, value }) =>
      /^on/i.test(name) || /^\\s*(javascript|data|vbscript):/i.test(value)).map(({ name, value }) => name + "=" + value),
  ])`);
  expect(found).toEqual([]);
  expect(await page.locator("body").evaluate("document.body.checkVisibility()")).toBe(true);
}

browserTests("what strangers write in Conduit", (conduit) => {
  test("runs nothing in any field, even without the page's policy", async () => {
    const { api } = conduit;
    const villain = await api.member(`<img src=x onerror="window.hit=1">${unique("")}`);
    const slug = await api.article(villain, {
      title: `${unique("Title ")} ${LINE}`,
      description: BODY.slice(0, 1_000),
      body: BODY,
      tagList: [ATTACKS[0]!, ATTACKS[1]!, "javascript:window.hit='tag'"],
    });
    await api.comment(villain, slug, BODY);
    await api.call("PUT", "/user", villain.token, { user: { bio: BODY } });
    const victim = await api.member();
    await api.call("POST", `/profiles/${encodeURIComponent(villain.username)}/follow`, victim.token);
    await api.article(villain, { title: LINE });
    await conduit.runJobs();

    const pages = [
      ["/", ".article-preview .author"],
      [`/tag/${encodeURIComponent(ATTACKS[0]!)}`, ".article-preview"],
      [`/article/${slug}`, ".article-content .markdown:not([aria-busy]) *"],
      [`/article/${slug}`, ".card:not(.comment-form) .card-text"],
      [`/profile/${encodeURIComponent(villain.username)}`, ".user-info h4"],
      ["/?feed=following", ".article-preview"],
      ["/notifications", ".notification .author"],
    ] as const;
    // The policy in the page would stop most of this by itself; the page must be safe without it.
    const page = await conduit.open(victim, { bypassCSP: true });
    for (const [path, shows] of pages) {
      await page.goto(path);
      await see(page.locator(shows).first());
      await unharmed(page);
    }
    await page.goto(`/article/${slug}`);
    await see(page.locator(".card-text", { hasText: "<script>window.hit='script'</script>" }));
    await see(page.locator(".banner .author", { hasText: "<img src=x" }));

    const own = await conduit.open(villain, { bypassCSP: true });
    for (const [path, shows] of [
      ["/settings", 'textarea[name="bio"]'],
      [`/editor/${slug}`, ".tag-pill"],
    ] as const) {
      await own.goto(path);
      await see(own.locator(shows).first());
      await unharmed(own);
    }
  });

  test("is no picture unless it is one", async () => {
    const victim = await conduit.api.member();
    const page = await conduit.open(victim, { bypassCSP: true });
    for (const image of [
      "javascript:window.hit='image'",
      "JaVaScRiPt:window.hit='image'",
      "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload=\"window.hit='svg'\"/>",
      "x\" onerror=\"window.hit='attribute'",
      "//evil.example/track.png",
      "https://[",
    ]) {
      await conduit.api.call("PUT", "/user", victim.token, { user: { image } });
      await page.goto(`/profile/${victim.username}`);
      await see(page.locator('.user-info img.user-img[src="/default-avatar.svg"]'));
      await see(page.locator('nav img.user-pic[src="/default-avatar.svg"]'));
      await unharmed(page);
    }
  });

  test("could not run even if it got into the page", async () => {
    const page = await conduit.open();
    const refused: string[] = [];
    page.on("console", (message) => refused.push(message.text()));
    await page.goto("/");
    await see(page.locator(".feed-toggle"));
    await page.evaluate(`document.querySelector("#app").insertAdjacentHTML("beforeend",
      "<img src=x onerror=\\"window.hit='handler'\\"><a id=trap href=\\"javascript:window.hit='link'\\">x</a>")`);
    await page.evaluate("document.querySelector('#trap').click()");
    await expect
      .poll(() => refused.filter((text) => text.includes("Content Security Policy")).length)
      .toBeGreaterThan(1);
    expect(await page.evaluate("window.hit")).toBeUndefined();
  });
});
