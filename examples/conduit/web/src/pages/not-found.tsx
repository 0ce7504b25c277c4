import { useTitle } from "../state/title.ts";

export function NotFoundPage() {
  useTitle("Page not found");
  return (
    <div class="container page not-found">
      <h1>Page not found</h1>
      <p>
        There is nothing at this address. <a href="/">Back to the articles</a>
      </p>
    </div>
  );
}

interface CrashedPageProps {
  readonly error: unknown;
  readonly goOn: () => void;
}

/** A mistake of ours while drawing a page: the bar on top still works, and so does trying again. */
export function CrashedPage({ error, goOn }: CrashedPageProps) {
  useTitle("Something went wrong");
  return (
    <div class="container page not-found" role="alert">
      <h1>Something went wrong</h1>
      <p>This page could not be shown: {String(error)}</p>
      <button type="button" class="btn btn-primary" onClick={goOn}>
        Try again
      </button>
    </div>
  );
}
