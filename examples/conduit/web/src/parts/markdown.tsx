import { useEffect, useState } from "preact/hooks";

type Render = (text: string) => string;

/** The renderer is fetched with the first article: other pages do without it. */
let loading: Promise<Render> | undefined;
function renderer(): Promise<Render> {
  loading ??= import("./render-markdown.ts").then((module) => module.renderMarkdown);
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

/** Begins to fetch the renderer while the article itself is still on its way. */
export function prepareMarkdown(): void {
  // A failure is seen, and dealt with, by the article that needs it.
  renderer().catch(() => {});
}

/** An article's body. If the renderer cannot be fetched, the text itself is still there to read. */
export function Markdown({ text }: { readonly text: string }) {
  const [render, show] = useState<{ readonly with: Render | "plain" } | null>(null);
  useEffect(() => {
    let here = true;
    renderer().then(
      (loaded) => here && show({ with: loaded }),
      () => here && show({ with: "plain" }),
    );
    return () => {
      here = false;
    };
  }, []);
  if (!render) return <div class="markdown" aria-busy="true" />;
  if (render.with === "plain") return <p class="markdown plain">{text}</p>;
  // Safe: the renderer sanitizes.
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: render.with(text) }} />;
}
