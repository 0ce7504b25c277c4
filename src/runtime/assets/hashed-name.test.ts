import { expect, test } from "vitest";
import { carriesHash } from "./hashed-name.ts";

test.each([
  "app-8f3a1b2c.js",
  "index-BkQ3xWyz.css",
  "main.4fa1b9c07d3e5a21.js",
  "chunk-D4k_x9Qz.js.map",
  "vendor-aBcDeFgH.js",
  "logo.5d41402abc4b2a76b9719d911017c592.svg",
])("%s carries a hash", (name) => expect(carriesHash(name)).toBe(true));

test.each([
  "index.html",
  "app.js",
  "my-component.js",
  "user-overview.js",
  "User-OverView.js",
  "logo-version2.png",
  "photo-iPhone15pro.jpg",
  "report-20240131.pdf",
  "jquery-3.7.1.min.js",
  "robots.txt",
  "site.webmanifest",
  "abcdef12",
])("%s does not", (name) => expect(carriesHash(name)).toBe(false));
