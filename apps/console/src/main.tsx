import { render } from "preact";
import { App } from "./app.tsx";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/pages.css";
import "./styles/timeline.css";

const root = document.getElementById("console");
if (root !== null) render(<App />, root);
