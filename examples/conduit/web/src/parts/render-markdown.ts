import DOMPurify from "dompurify";
import { marked } from "marked";

/** What may be followed or loaded from an article: the web, mail, and places of this site. No `javascript:`, no `data:`. */
const ADDRESS = /^(?:https?:|mailto:|[/#?]|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("rel", "noopener nofollow ugc");
});

/**
 * Markdown of a stranger as HTML that is safe to show: no scripts, handlers, frames, forms or styles, and no `id`, `name` or
 * `class` with which a text could pass for a part of our page.
 */
export function renderMarkdown(text: string): string {
  const html = marked.parse(text, { async: false, gfm: true });
  return purifier.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: [
      "style",
      "form",
      "input",
      "button",
      "select",
      "textarea",
      "option",
      "label",
      "dialog",
      "video",
      "audio",
    ],
    FORBID_ATTR: ["style", "class", "id", "name", "for", "action", "background", "srcset", "popovertarget"],
    ALLOW_DATA_ATTR: false,
    ALLOWED_URI_REGEXP: ADDRESS,
  });
}
