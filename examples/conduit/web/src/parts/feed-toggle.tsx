import type { ComponentChildren } from "preact";

export interface Tab {
  readonly href: string;
  readonly active: boolean;
  readonly label: ComponentChildren;
}

/** Links between lists of articles. Not a `nav`: the one navigation landmark is the bar on top. */
export function FeedToggle({ tabs }: { readonly tabs: readonly Tab[] }) {
  return (
    <div class="feed-toggle">
      <ul class="nav nav-pills outline-active">
        {tabs.map(({ href, active, label }) => (
          <li key={href} class="nav-item">
            <a class={active ? "nav-link active" : "nav-link"} href={href} aria-current={active ? "page" : undefined}>
              {label}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}
