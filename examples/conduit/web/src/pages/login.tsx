import { useState } from "preact/hooks";
import { signIn } from "../api/conduit.ts";
import { Field } from "../parts/field.tsx";
import { SignInForm } from "../parts/sign-in-form.tsx";
import { useTitle } from "../state/title.ts";

export function LoginPage() {
  useTitle("Sign in");
  const [email, changeEmail] = useState("");
  const [password, changePassword] = useState("");
  return (
    <SignInForm
      title="Sign in"
      sendingTitle="Signing in…"
      other={<a href="/register">Need an account?</a>}
      submit={() => signIn(email, password)}
    >
      <Field
        label="Email"
        name="email"
        type="email"
        placeholder="Email"
        autoComplete="username"
        value={email}
        change={changeEmail}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        placeholder="Password"
        autoComplete="current-password"
        value={password}
        change={changePassword}
      />
    </SignInForm>
  );
}
