interface Page {
  readonly code: string;
  readonly title: string;
  readonly message: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

/**
 * What HAProxy answers by itself. Names no software and no server. A request that breaks HTTP gets the 400 or 408 that
 * HAProxy 2.6 is built with, whatever is written here (haproxy#3032).
 */
const PAGES: ReadonlyMap<number, Page> = new Map([
  [400, { code: "bad-request", title: "Bad request", message: "The request cannot be understood." }],
  [404, { code: "not-found", title: "Not found", message: "There is nothing here." }],
  [408, { code: "request-too-slow", title: "Too slow", message: "The request took too long to arrive." }],
  [413, { code: "body-too-long", title: "Too large", message: "The body of the request is too long." }],
  [429, { code: "too-many-requests", title: "Too many requests", message: "Slow down and try again.", retryAfter: 10 }],
  [500, { code: "internal", title: "Error", message: "Something went wrong here." }],
  [502, { code: "no-answer", title: "Unavailable", message: "The service did not answer. Try again." }],
  [503, { code: "overloaded", title: "Busy", message: "The service is busy. Try again.", retryAfter: 1 }],
  [504, { code: "no-answer-in-time", title: "Unavailable", message: "The service did not answer in time." }],
]);

/** Header between an error page and the rule that makes it the Content-Type; never leaves HAProxy. */
export const PAGE_TYPE = "X-Ninefold-Page-Type";

/** Rules of a frontend that the error pages need: each frontend has transactions of its own. */
export const READS_ACCEPT = `http-request set-var(txn.html) bool(false)
    http-request set-var(txn.html) bool(true) if { req.hdr(accept) -m sub text/html }`;

/** Files of the error pages, by path inside the instance's folder. */
export function errorPages(): ReadonlyMap<string, string> {
  return new Map([...PAGES].map(([status, page]) => [pagePath(status), text(page)]));
}

/** `http-error` lines: JSON for programs, a small page for browsers. */
export function errorLines(folder: string): string {
  return [...PAGES]
    .map(([status, { retryAfter }]) => {
      const path = `${folder}/${pagePath(status)}`;
      return [
        `    http-error status ${status} content-type application/json lf-file ${path}`,
        ` hdr ${PAGE_TYPE} %[var(txn.html),iif(text/html,application/json)] hdr Cache-Control no-store`,
        retryAfter === undefined ? "" : ` hdr Retry-After ${retryAfter}`,
      ].join("");
    })
    .join("\n");
}

function pagePath(status: number): string {
  return `errors/${status}.page`;
}

function text({ code, title, message }: Page): string {
  const json = JSON.stringify({ code, message });
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><body style="font:1rem system-ui;margin:20vh auto;max-width:30rem;padding:1rem"><h1>${title}</h1><p>${message}</p>`;
  return `%[var(txn.html),iif('${html}','${json}')]`;
}
