const format = new Intl.DateTimeFormat("en-US", { dateStyle: "long" });

/** A day, such as "January 20, 2026", in the reader's own time zone. */
export function Day({ at, class: name }: { readonly at: string; readonly class: string }) {
  const date = new Date(at);
  const known = !Number.isNaN(date.getTime());
  return (
    <time class={name} dateTime={at} title={known ? date.toLocaleString() : undefined}>
      {known ? format.format(date) : at}
    </time>
  );
}
