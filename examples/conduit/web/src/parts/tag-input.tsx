import type { TargetedKeyboardEvent } from "preact";

interface TagInputProps {
  readonly tags: readonly string[];
  readonly changeTags: (tags: readonly string[]) => void;
  /** Typed, but not a tag yet. */
  readonly pending: string;
  readonly changePending: (text: string) => void;
  readonly disabled: boolean;
}

/** `tags` with what is typed as one more, unless it is blank or there already. */
export function withTag(tags: readonly string[], typed: string): readonly string[] {
  const tag = typed.trim();
  return tag === "" || tags.includes(tag) ? tags : [...tags, tag];
}

/** Enter or a comma makes a tag of what is typed; Backspace in the empty field takes the last tag away. */
export function TagInput({ tags, changeTags, pending, changePending, disabled }: TagInputProps) {
  const press = (event: TargetedKeyboardEvent<HTMLInputElement>) => {
    // While a word is being composed (Chinese, Japanese), Enter belongs to the input method.
    if (event.isComposing) return;
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      changeTags(withTag(tags, pending));
      changePending("");
    } else if (event.key === "Backspace" && pending === "" && tags.length > 0) {
      changeTags(tags.slice(0, -1));
    }
  };
  return (
    <div class="form-group">
      <label for="field-tags">Tags</label>
      <input
        id="field-tags"
        class="form-control"
        type="text"
        placeholder="Enter tags"
        aria-describedby="field-tags-hint"
        value={pending}
        disabled={disabled}
        autoComplete="off"
        onInput={(event) => changePending(event.currentTarget.value)}
        onKeyDown={press}
      />
      <small id="field-tags-hint" class="hint">
        Press Enter after each tag.
      </small>
      <div class="tag-list" aria-live="polite">
        {tags.map((tag) => (
          <span key={tag} class="tag-default tag-pill">
            <button
              type="button"
              class="tag-remove"
              aria-label={`Remove tag ${tag}`}
              disabled={disabled}
              onClick={() => changeTags(tags.filter((other) => other !== tag))}
            >
              <i class="ion-close-round" aria-hidden="true" />
            </button>
            {tag}
          </span>
        ))}
      </div>
    </div>
  );
}
