import { useLocation } from "preact-iso/router";

interface PaginationProps {
  /** Counts from 1. */
  readonly page: number;
  readonly pages: number;
}

/** Page numbers that change `?page=` in the address and leave the rest of it as it is. */
export function Pagination({ page, pages }: PaginationProps) {
  const { path, query, route } = useLocation();
  if (pages < 2) return null;
  const show = (next: number) => {
    const { page: _, ...rest } = query;
    const search = new URLSearchParams(next === 1 ? rest : { ...rest, page: String(next) }).toString();
    route(search === "" ? path : `${path}?${search}`);
    scrollTo({ top: 0 });
  };
  return (
    <ul class="pagination" aria-label="Pages">
      {pageNumbers(page, pages).map((entry) =>
        entry.kind === "gap" ? (
          <li key={entry.key} class="page-gap" aria-hidden="true">
            …
          </li>
        ) : (
          <li key={entry.number} class={entry.number === page ? "page-item active" : "page-item"}>
            <button
              type="button"
              class="page-link"
              aria-current={entry.number === page ? "page" : undefined}
              onClick={() => show(entry.number)}
            >
              {entry.number}
            </button>
          </li>
        ),
      )}
    </ul>
  );
}

type Entry = { readonly kind: "page"; readonly number: number } | { readonly kind: "gap"; readonly key: string };

/** The first page, the last one and those around the current one; gaps between. Everything up to nine pages. */
export function pageNumbers(page: number, pages: number): Entry[] {
  const near = (n: number) => pages <= 9 || n === 1 || n === pages || Math.abs(n - page) <= 2;
  const entries: Entry[] = [];
  let last = 0;
  for (const number of [1, ...around(page, pages), pages]) {
    if (number <= last || number > pages || !near(number)) continue;
    if (number > last + 1) entries.push({ kind: "gap", key: `gap-${number}` });
    entries.push({ kind: "page", number });
    last = number;
  }
  return entries;
}

function around(page: number, pages: number): number[] {
  const [from, to] = pages <= 9 ? [1, pages] : [Math.max(1, page - 2), Math.min(pages, page + 2)];
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
