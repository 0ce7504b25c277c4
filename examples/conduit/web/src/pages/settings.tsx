import { useState } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { updateUser } from "../api/conduit.ts";
import type { User } from "../api/types.ts";
import { AvatarUpload } from "../parts/avatar-upload.tsx";
import { ErrorMessages } from "../parts/errors.tsx";
import { Field } from "../parts/field.tsx";
import { profilePath } from "../parts/links.ts";
import { LoadingMessage } from "../parts/load-state.tsx";
import { useMembersOnly } from "../state/guard.ts";
import { useSend } from "../state/send.ts";
import { changedUser, checkNow, signOut } from "../state/session.ts";
import { useTitle } from "../state/title.ts";

export function SettingsPage() {
  const { user, state } = useMembersOnly();
  // The form outlives a session that ends under it: what was typed stays.
  const [opened, open] = useState<User | null>(null);
  const { route } = useLocation();
  useTitle("Settings");
  if (user && !opened) open(user);
  const logOut = () => {
    signOut();
    route("/");
  };
  return (
    <div class="settings-page">
      <div class="container page narrow">
        <h1>Your Settings</h1>
        {opened && <SettingsForm user={opened} />}
        {!opened && state !== "unavailable" && <LoadingMessage what="your settings" />}
        {!opened && state === "unavailable" && <Unavailable />}
        {state !== "loading" && (
          <>
            <hr />
            <button type="button" class="btn btn-outline-danger" onClick={logOut}>
              Or click here to logout
            </button>
          </>
        )}
      </div>
    </div>
  );
}

function Unavailable() {
  return (
    <div class="load-failure" role="alert">
      <p class="load-failure-title">Could not load your settings.</p>
      <p>Conduit does not answer at the moment. You are still signed in; the page goes on by itself when it is back.</p>
      <button type="button" class="btn btn-sm btn-outline-secondary" onClick={checkNow}>
        <i class="ion-refresh" aria-hidden="true" /> Try again
      </button>
    </div>
  );
}

function SettingsForm({ user }: { readonly user: User }) {
  const { route } = useLocation();
  const { sending, error, send } = useSend();
  const [image, changeImage] = useState(user.image ?? "");
  const [username, changeUsername] = useState(user.username);
  const [bio, changeBio] = useState(user.bio ?? "");
  const [email, changeEmail] = useState(user.email);
  const [password, changePassword] = useState("");

  const save = (event: Event) => {
    event.preventDefault();
    void send(async () => {
      const changed = await updateUser({ image, username, bio, email, ...(password === "" ? {} : { password }) });
      changedUser(changed);
      route(profilePath(changed.username));
    });
  };
  return (
    <>
      <ErrorMessages error={error} />
      <form onSubmit={save} noValidate>
        <AvatarUpload image={image} uploaded={changeImage} disabled={sending} />
        <Field
          label="Address of your picture"
          name="image"
          placeholder="URL of profile picture"
          hint="Or choose a file above."
          value={image}
          change={changeImage}
          disabled={sending}
        />
        <Field
          label="Username"
          name="username"
          placeholder="Your Name"
          autoComplete="nickname"
          value={username}
          change={changeUsername}
          disabled={sending}
        />
        <Field
          label="About you"
          name="bio"
          placeholder="Short bio about you"
          rows={5}
          value={bio}
          change={changeBio}
          disabled={sending}
        />
        <Field
          label="Email"
          name="email"
          type="email"
          placeholder="Email"
          autoComplete="email"
          value={email}
          change={changeEmail}
          disabled={sending}
        />
        <Field
          label="New password"
          name="password"
          type="password"
          placeholder="New Password"
          hint="Leave it empty to keep the one you have."
          autoComplete="new-password"
          value={password}
          change={changePassword}
          disabled={sending}
        />
        <button type="submit" class="btn btn-lg btn-primary pull-xs-right" disabled={sending}>
          {sending ? "Saving…" : "Update Settings"}
        </button>
      </form>
    </>
  );
}
