import type { TargetedInputEvent } from "preact";

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly type?: "text" | "email" | "password";
  readonly placeholder?: string;
  readonly autoComplete?: string;
  readonly disabled?: boolean;
  readonly hint?: string;
  /** A text of several lines. */
  readonly rows?: number;
}

/** A labelled input whose `name` is the API's name of the field. */
export function Field({ label, hint, change, rows, type = "text", autoComplete, ...rest }: FieldProps) {
  const id = `field-${rest.name}`;
  // The JSX types have one variant per type of input and cannot see that these share theirs.
  const kind = { type } as { type: "text" };
  const common = {
    ...rest,
    id,
    class: "form-control",
    "aria-describedby": hint ? `${id}-hint` : undefined,
    onInput: (event: TargetedInputEvent<HTMLInputElement | HTMLTextAreaElement>) => change(event.currentTarget.value),
  };
  return (
    <div class="form-group">
      <label for={id}>{label}</label>
      {rows === undefined ? (
        <input {...common} {...kind} {...(autoComplete === undefined ? {} : { autoComplete })} />
      ) : (
        <textarea {...common} rows={rows} />
      )}
      {hint && (
        <small id={`${id}-hint`} class="hint">
          {hint}
        </small>
      )}
    </div>
  );
}
