import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../testing.ts";

let conduit: TestConduit;
beforeAll(async () => {
  conduit = await startConduit();
});
afterAll(() => conduit[Symbol.asyncDispose]());

const notifications = (token: string, query = "") => conduit.call("GET", `/notifications${query}`, { token });

test("an article is announced once to each follower, and to nobody else", async () => {
  const author = await conduit.register("author");
  const fan = await conduit.register("fan");
  const stranger = await conduit.register("stranger");
  await conduit.call("POST", "/profiles/author/follow", { token: fan });
  await conduit.call("POST", "/profiles/author/follow", { token: author });
  const first = await conduit.publish(author, { title: "First" });
  await conduit.runJobs();
  const second = await conduit.publish(author, { title: "Second" });
  await conduit.runJobs();

  const { status, body } = await notifications(fan);
  expect(status).toBe(200);
  expect(body).toMatchObject({ notificationsCount: 2, unreadCount: 2 });
  expect(body.notifications).toEqual(
    [
      { slug: second, title: "Second" },
      { slug: first, title: "First" },
    ].map((article) => ({
      id: expect.any(Number),
      createdAt: expect.any(String),
      read: false,
      article,
      author: { username: "author", image: null },
    })),
  );
  const none = { notifications: [], notificationsCount: 0, unreadCount: 0 };
  expect((await notifications(author)).body).toEqual(none);
  expect((await notifications(stranger)).body).toEqual(none);
});

test("notifications are paged, marked as read, and gone with their article", async () => {
  const author = await conduit.register("pager");
  const fan = await conduit.register("pagefan");
  await conduit.call("POST", "/profiles/pager/follow", { token: fan });
  const slugs: string[] = [];
  for (let article = 1; article <= 3; article += 1) {
    slugs.push(await conduit.publish(author));
    await conduit.runJobs();
  }

  const page = (await notifications(fan, "?limit=1&offset=1")).body;
  expect(page).toMatchObject({
    notificationsCount: 3,
    unreadCount: 3,
    notifications: [{ article: { slug: slugs[1] } }],
  });
  expect((await notifications(fan, "?offset=9")).body).toEqual({
    notifications: [],
    notificationsCount: 3,
    unreadCount: 3,
  });
  expect((await notifications(fan, "?limit=zero")).status).toBe(422);

  const { id } = page.notifications[0];
  expect((await conduit.call("POST", `/notifications/${id}/read`, { token: author })).status).toBe(404);
  expect((await conduit.call("POST", `/notifications/${id}/read`, { token: fan })).status).toBe(204);
  expect((await conduit.call("POST", "/notifications/x/read", { token: fan })).status).toBe(404);
  expect((await notifications(fan, "?limit=1&offset=1")).body).toMatchObject({
    unreadCount: 2,
    notifications: [{ read: true }],
  });
  expect((await conduit.call("POST", "/notifications/read", { token: fan })).status).toBe(204);
  expect((await notifications(fan)).body.unreadCount).toBe(0);

  await conduit.call("DELETE", `/articles/${slugs[2]}`, { token: author });
  expect((await notifications(fan)).body).toMatchObject({ notificationsCount: 2, unreadCount: 0 });
});

test("an article that is gone before its announcement is not announced", async () => {
  const author = await conduit.register("hasty");
  const fan = await conduit.register("hastyfan");
  await conduit.call("POST", "/profiles/hasty/follow", { token: fan });
  const slug = await conduit.publish(author);
  await conduit.call("DELETE", `/articles/${slug}`, { token: author });
  await conduit.runJobs();
  expect((await notifications(fan)).body.notificationsCount).toBe(0);
});

test("a new user gets one welcome e-mail, a refused one gets none", async () => {
  await conduit.register("zoe");
  const again = { username: "zoe", email: "zoe2@example.com", password: "p" };
  expect((await conduit.call("POST", "/users", { body: { user: again } })).status).toBe(409);
  await conduit.runJobs();
  const mails = await mailsIn(conduit.folder);
  expect(mails.filter((mail) => mail.includes("zoe2@example.com"))).toEqual([]);
  const welcome = mails.filter((mail) => /^To: .*<?zoe@example.com>?\r?$/m.test(mail));
  expect(welcome).toHaveLength(1);
  expect(welcome[0]).toMatch(/^Subject: Welcome to Conduit\r?$/m);
});

test("with SMTP_URL the e-mail goes to that server", async ({ skip }) => {
  skip(conduit.app === undefined, "the worker's environment is not this process's");
  const received: string[] = [];
  const server = createServer((socket) => {
    let data = false;
    socket.write("220 test\r\n");
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().split("\r\n").slice(0, -1)) {
        received.push(line);
        if (data) {
          if (line !== ".") continue;
          data = false;
        }
        if (line === "DATA") data = true;
        if (line === "QUIT") socket.end("221 bye\r\n");
        else socket.write(line === "DATA" ? "354 go on\r\n" : "250 ok\r\n");
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  const before = await mailsIn(conduit.folder);
  process.env.SMTP_URL = `smtp://127.0.0.1:${address.port}`;
  try {
    await conduit.register("smtp-user");
    await conduit.runJobs();
  } finally {
    delete process.env.SMTP_URL;
    server.close();
  }
  expect(received).toContain("RCPT TO:<smtp-user@example.com>");
  expect(received).toContain("Subject: Welcome to Conduit");
  expect(await mailsIn(conduit.folder)).toHaveLength(before.length);
});

async function mailsIn(folder: string): Promise<string[]> {
  const files = (await readdir(join(folder, "mail"))).filter((name) => name.endsWith(".eml"));
  return Promise.all(files.map((name) => readFile(join(folder, "mail", name), "utf8")));
}
