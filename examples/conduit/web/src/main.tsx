import { render } from "preact";
import { App } from "./app.tsx";
import { offerDebug } from "./state/debug.ts";
import { startSession } from "./state/session.ts";
import "./style/index.css";

startSession();
offerDebug();

const root = document.getElementById("app");
if (root) render(<App />, root);
