import { useState } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { createArticle, updateArticle } from "../api/conduit.ts";
import type { Article } from "../api/types.ts";
import { useSend } from "../state/send.ts";
import { ErrorMessages } from "./errors.tsx";
import { Field } from "./field.tsx";
import { articlePath } from "./links.ts";
import { TagInput, withTag } from "./tag-input.tsx";

/** Writes a new article, or changes the one given. */
export function ArticleForm({ article }: { readonly article?: Article }) {
  const { route } = useLocation();
  const { sending, error, send } = useSend();
  const [title, changeTitle] = useState(article?.title ?? "");
  const [description, changeDescription] = useState(article?.description ?? "");
  const [body, changeBody] = useState(article?.body ?? "");
  const [tags, changeTags] = useState<readonly string[]>(article?.tagList ?? []);
  const [pending, changePending] = useState("");

  const publish = (event: Event) => {
    event.preventDefault();
    void send(async () => {
      // A tag typed without Enter was meant as one.
      const draft = { title, description, body, tagList: withTag(tags, pending) };
      const saved = article ? await updateArticle(article.slug, draft) : await createArticle(draft);
      route(articlePath(saved.slug));
    });
  };
  return (
    <>
      <h1 class="page-title">{article ? "Edit article" : "New article"}</h1>
      <ErrorMessages error={error} />
      <form onSubmit={publish} noValidate>
        <Field
          label="Title"
          name="title"
          placeholder="Article Title"
          value={title}
          change={changeTitle}
          disabled={sending}
        />
        <Field
          label="Description"
          name="description"
          placeholder="What's this article about?"
          value={description}
          change={changeDescription}
          disabled={sending}
        />
        <Field
          label="Text"
          name="body"
          placeholder="Write your article (in markdown)"
          hint="Markdown: # heading, **bold**, *italic*, [link](https://…), - list, ``` code."
          rows={12}
          value={body}
          change={changeBody}
          disabled={sending}
        />
        <TagInput
          tags={tags}
          changeTags={changeTags}
          pending={pending}
          changePending={changePending}
          disabled={sending}
        />
        <button type="submit" class="btn btn-lg btn-primary pull-xs-right" disabled={sending}>
          {sending ? "Publishing…" : "Publish Article"}
        </button>
      </form>
    </>
  );
}
