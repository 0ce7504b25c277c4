import assert from "node:assert/strict";
import { test } from "node:test";

// `npm test` starts a fresh copy of the service for the tests and gives its address in NINEFOLD_URL.
const url = process.env.NINEFOLD_URL;
if (url === undefined) throw new Error("run the tests with `npm test`, which starts the service for them");

const add = (body: unknown) => fetch(`${url}/api/notes`, { method: "POST", body: JSON.stringify(body) });
const notes = async (): Promise<{ text: string; words: number | null }[]> => (await fetch(`${url}/api/notes`)).json();

test("a note that was added is listed", async () => {
  const text = `hello ${crypto.randomUUID()}`;
  assert.equal((await add({ text })).status, 201);
  assert.ok((await notes()).some((note) => note.text === text));
});

test("an empty note is refused", async () => {
  assert.equal((await add({ text: " " })).status, 422);
});

test("the words of a note are counted by a job", async () => {
  const text = `three words ${crypto.randomUUID()}`;
  await add({ text });
  const deadline = Date.now() + 10_000;
  let words: number | null | undefined = null;
  while (words === null && Date.now() < deadline) {
    words = (await notes()).find((note) => note.text === text)?.words ?? null;
  }
  assert.equal(words, 3);
});
