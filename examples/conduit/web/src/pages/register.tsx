import { useState } from "preact/hooks";
import { signUp } from "../api/conduit.ts";
import { Field } from "../parts/field.tsx";
import { SignInForm } from "../parts/sign-in-form.tsx";
import { useTitle } from "../state/title.ts";

export function RegisterPage() {
  useTitle("Sign up");
  const [username, changeUsername] = useState("");
  const [email, changeEmail] = useState("");
  const [password, changePassword] = useState("");
  return (
    <SignInForm
      title="Sign up"
      sendingTitle="Signing up…"
      other={<a href="/login">Have an account?</a>}
      submit={() => signUp({ username, email, password })}
    >
      <Field
        label="Username"
        name="username"
        placeholder="Username"
        autoComplete="nickname"
        value={username}
        change={changeUsername}
      />
      <Field
        label="Email"
        name="email"
        type="email"
        placeholder="Email"
        autoComplete="email"
        value={email}
        change={changeEmail}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        placeholder="Password"
        autoComplete="new-password"
        value={password}
        change={changePassword}
      />
    </SignInForm>
  );
}
