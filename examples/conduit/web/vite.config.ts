import preact from "@preact/preset-vite";
import { defineConfig, type Plugin } from "vite";

/**
 * What a page may load. Articles carry text of strangers: should a hole in the sanitizer ever let markup through, the
 * browser still runs no script but ours. Only in the build, because the development server injects scripts of its own.
 */
const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' https: http: data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join("; ");

const policy: Plugin = {
  name: "conduit-policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
  ],
};

export default defineConfig({
  root: import.meta.dirname,
  publicDir: "static",
  plugins: [preact(), policy],
  server: { proxy: { "/api": "http://localhost:8080" } },
  build: {
    outDir: "../public",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
  },
});
