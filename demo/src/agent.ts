/**
 * The workspace: a small agent that reads its files once, when it starts, and tells over HTTP what it has loaded. What is
 * written later it does not know until it is restarted.
 *
 * node agent.js FOLDER, where FOLDER takes its record; AGENT_PORT, AGENT_START_MS (how long it takes until it serves).
 */
import { createServer } from "node:http";
import { type AgentLine, appendLine, readRuns } from "./agent-record.ts";
import { hashesOf, loadFiles } from "./loaded-files.ts";

const [, , folder = "."] = process.argv;
const { WORKSPACE_ID: workspace = "", WORKSPACE_FILES: root = ".", RESTART_CYCLE_ID: cycleId = "" } = process.env;
const { pid } = process;
/** The start of this process, not of this module. */
const startedAt = Math.round(performance.timeOrigin);

const write = (line: AgentLine): void => appendLine(folder, workspace, line);
process.on("SIGTERM", () => {
  write({ event: "exit", pid, at: Date.now() });
  process.exit(0);
});
const alive = readRuns(folder, workspace)
  .filter((run) => run.exitedAt === undefined)
  .map(({ runner }) => Number(/\d+$/.exec(runner)?.[0]))
  .filter(isAlive);
write({ event: "start", pid, at: startedAt, cycleId, alive });

const files = loadFiles(root);
write({ event: "loaded", pid, at: Date.now(), files: hashesOf(files) });

const server = createServer((_request, response) => {
  const state = { workspace, pid, cycleId, startedAt: new Date(startedAt).toISOString(), files };
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify(state, null, 2)}\n`);
});
// What a real one does before it can serve (pull an image, boot, warm up) is only waited for here.
const warmUpMs = startedAt + Number(process.env.AGENT_START_MS ?? 0) - Date.now();
setTimeout(() => {
  server.listen(Number(process.env.AGENT_PORT), "127.0.0.1", () => write({ event: "ready", pid, at: Date.now() }));
}, warmUpMs);

function isAlive(other: number): boolean {
  try {
    process.kill(other, 0);
    return true;
  } catch {
    return false;
  }
}
