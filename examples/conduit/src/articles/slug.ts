import { randomBytes } from "node:crypto";

const LONGEST = 80;
/** Paths under /api/articles that are not articles. */
const RESERVED = new Set(["feed"]);

/**
 * The part of an article's address that its title makes: lower-case letters and digits of any script, joined by dashes.
 * Another article may have the same; then {@link distinctSlug} tells them apart.
 */
export function slugOf(title: string): string {
  const words = title
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  const slug = [...(words ?? []).join("-")].slice(0, LONGEST).join("").replace(/-$/, "");
  if (slug === "") return distinctSlug("article");
  return RESERVED.has(slug) ? distinctSlug(slug) : slug;
}

/** The slug with a random suffix of 40 bits. */
export function distinctSlug(slug: string): string {
  return `${slug}-${randomBytes(5).toString("hex")}`;
}
