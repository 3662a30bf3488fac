import { execFile } from "node:child_process";
import { promisify, stripVTControlCharacters } from "node:util";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { createLogger } from "../src/index.ts";

/** What a logger of ours writes instead of standard output. */
function logged(level: string, log: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const logger = createLogger("api", level);
  const stream = Reflect.get(logger, pino.symbols.streamSym) as { write(line: string): boolean };
  const write = vi.spyOn(stream, "write").mockReturnValue(true);
  log(logger);
  return write.mock.calls.map(([line]) => JSON.parse(line) as Record<string, unknown>);
}

test("a line is JSON with the process' name and the time as ISO 8601", () => {
  const [line] = logged("info", (logger) => logger.info({ workspaceId: "w1" }, "hello"));
  expect(line).toMatchObject({ name: "api", level: 30, workspaceId: "w1", msg: "hello" });
  expect(new Date(String(line?.time)).toISOString()).toBe(line?.time);
});

test("a line is written before the call returns, so that none is lost or out of order when the process ends", () => {
  expect(Reflect.get(createLogger("api", "info"), pino.symbols.streamSym)).toMatchObject({ sync: true });
});

test("what is below the level is not written", () => {
  expect(logged("warn", (logger) => logger.info("hello"))).toEqual([]);
  expect(logged("silent", (logger) => logger.fatal("hello"))).toEqual([]);
});

test.each([
  [{ token: "hunter2" }],
  [{ authorization: "hunter2" }],
  [{ password: "hunter2" }],
  [{ headers: { authorization: "hunter2" } }],
  [{ caller: { token: "hunter2" } }],
  [{ redis: { password: "hunter2" } }],
  [{ spec: { env: { KEY: "hunter2" } } }],
  [{ workspace: { spec: { userData: "hunter2" } } }],
  [{ detail: { env: { KEY: "hunter2" } } }],
  [{ req: { headers: { authorization: "hunter2", cookie: "hunter2" } } }],
  [{ workspaces: [{ spec: "hunter2" }] }],
  [{ err: Object.assign(new Error("no"), { password: "hunter2" }) }],
  [{ err: Object.assign(new Error("no"), { request: { authorization: "hunter2" } }) }],
])("a secret is redacted: %j", (fields) => {
  const [line] = logged("info", (logger) => logger.info(fields));
  expect(JSON.stringify(line)).not.toContain("hunter2");
  expect(JSON.stringify(line)).toContain("[redacted]");
});

test("a secret is redacted in what a child logger was given, too", () => {
  const [line] = logged("info", (logger) => logger.child({ token: "hunter2" }).info("hello"));
  expect(line).toMatchObject({ token: "[redacted]", msg: "hello" });
});

test("what stands around a secret is told, and the caller's own object keeps it", () => {
  const fields = { workspace: { id: "w1", spec: "hunter2" }, tags: ["a"] };
  const [line] = logged("info", (logger) => logger.info(fields));
  expect(line).toMatchObject({ workspace: { id: "w1", spec: "[redacted]" }, tags: ["a"] });
  expect(fields.workspace.spec).toBe("hunter2");
});

test("an error is told with its type, its message and its stack", () => {
  const error = Object.assign(new TypeError("no"), { token: "hunter2" });
  const [line] = logged("info", (logger) => logger.error({ err: error }, "failed"));
  expect(line?.err).toMatchObject({ type: "TypeError", message: "no", stack: error.stack, token: "[redacted]" });
});

/** What a process with such a logger prints to a pipe. */
async function printed(forPeople: string): Promise<string> {
  const program = `import { createLogger } from "@restart-coordinator/service";
    createLogger("api", "info"${forPeople}).info({ workspaceId: "w1", token: "hunter2" }, "hello");
    process.exit(0);`;
  const args = ["--conditions=@restart-coordinator/source", "--import", "tsx", "--input-type=module", "-e", program];
  return (await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname })).stdout;
}

test("a person at a terminal reads lines for people, anything else JSON; both without secrets, and to the last line", async () => {
  const [json, forPeople] = await Promise.all([printed(""), printed(", true")]);
  expect(JSON.parse(json)).toMatchObject({ msg: "hello", workspaceId: "w1", token: "[redacted]" });
  expect(stripVTControlCharacters(forPeople)).toMatch(
    /^\[\d\d:\d\d:\d\d\.\d+\] INFO \(api\): hello\n {4}workspaceId: "w1"\n/,
  );
  expect(forPeople).not.toContain("hunter2");
});
