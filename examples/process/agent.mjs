/** A workspace for a first look: it reads its configuration once, when it starts, says what it found, and stays. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const { WORKSPACE_ID: id, WORKSPACE_FILES: folder = "." } = process.env;
const config = await readFile(join(folder, "config.yaml"), "utf8").catch(() => "nothing yet");
console.log(`${id} runs with ${config.trim()}`);
setInterval(() => {}, 60_000);
