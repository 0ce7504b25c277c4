import { expect, test } from "vitest";
import { startConduit } from "../testing.ts";
import { readSpecification } from "./specification.ts";
import { walkContract } from "./walk.ts";

test("every operation of the RealWorld specification answers as specified", async () => {
  await using conduit = await startConduit();
  const specification = readSpecification();
  const seen = await walkContract(`${conduit.url}/api`, specification);
  expect(seen.size).toBeGreaterThan(50);
  // Two articles may have one title, and nothing that a client can send is invalid where only a path is sent.
  expect(specification.answers.filter((answer) => !seen.has(answer))).toEqual([
    "GetCurrentUser 422",
    "GetProfileByUsername 422",
    "FollowUserByUsername 422",
    "UnfollowUserByUsername 422",
    "CreateArticle 409",
    "GetArticle 422",
    "DeleteArticle 422",
    "GetArticleComments 422",
    "DeleteArticleComment 422",
    "CreateArticleFavorite 422",
    "DeleteArticleFavorite 422",
    "GetTags 422",
  ]);
});

test("an answer that is not as specified is told", () => {
  const { wrong } = readSpecification();
  expect(wrong("GetTags", 200, { tags: ["a"] })).toBeUndefined();
  expect(wrong("GetTags", 200, { tags: [1] })).toMatch(/string/);
  expect(wrong("GetTags", 201, { tags: [] })).toMatch(/201/);
  expect(wrong("DeleteArticle", 204, {})).toMatch(/no body/);
});
