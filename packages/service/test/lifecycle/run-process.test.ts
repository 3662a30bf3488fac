import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runProcess } from "../../src/boot.ts";
import { ConfigurationError } from "../../src/index.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
let exit: ReturnType<typeof vi.fn>;
let stderr: string[];
let listeners: ReturnType<typeof listenersNow>;

function listenersNow() {
  return SIGNALS.flatMap((signal) => process.listeners(signal).map((listener) => ({ signal, listener })));
}

beforeEach(() => {
  listeners = listenersNow();
  exit = vi.fn();
  stderr = [];
  vi.spyOn(process, "exit").mockImplementation(exit as never);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => stderr.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  const known = new Set(listeners.map(({ listener }) => listener));
  for (const { signal, listener } of listenersNow()) if (!known.has(listener)) process.off(signal, listener);
});

/** A process whose service stops when told to by `finish`. */
async function running() {
  let finish: (error?: Error) => void = () => {};
  const stop = vi.fn(
    () => new Promise<void>((resolve, reject) => (finish = (error) => (error ? reject(error) : resolve()))),
  );
  const messages: string[] = [];
  const logger = pino({}, { write: (line: string) => void messages.push(JSON.parse(line).msg) });
  await runProcess(async () => ({ service: { stop }, logger }));
  return { stop, messages, finish: (error?: Error) => finish(error) };
}

test.each(SIGNALS)("%s stops the service, and then ends the process with code 0", async (signal) => {
  const { stop, messages, finish } = await running();
  process.emit(signal);
  expect(stop).toHaveBeenCalledOnce();
  await Promise.resolve();
  expect(exit).not.toHaveBeenCalled();
  finish();
  await vi.waitFor(() => expect(exit).toHaveBeenCalledExactlyOnceWith(0), { timeout: 10_000 });
  expect(messages).toEqual(["stopping", "stopped"]);
});

test("a second signal ends the process at once", async () => {
  await running();
  process.emit("SIGTERM");
  process.emit("SIGINT");
  expect(exit).toHaveBeenCalledWith(1);
});

test("a service that cannot stop cleanly ends with code 1 and says why", async () => {
  const { messages, finish } = await running();
  process.emit("SIGTERM");
  finish(new Error("still at it"));
  await vi.waitFor(() => expect(exit).toHaveBeenCalledExactlyOnceWith(1), { timeout: 10_000 });
  expect(messages).toEqual(["stopping", "could not stop cleanly"]);
});

test("a configuration that cannot work is told in plain words, without a stack trace", async () => {
  await runProcess(() => Promise.reject(new ConfigurationError(["PORT: no", "SHARDS: no"])));
  expect(exit).toHaveBeenCalledExactlyOnceWith(1);
  expect(stderr.join("")).toBe("the configuration cannot work:\n  - PORT: no\n  - SHARDS: no\n");
});

test("any other failure to start is told with its stack trace", async () => {
  await runProcess(() => Promise.reject(new Error("disk on fire")));
  expect(exit).toHaveBeenCalledExactlyOnceWith(1);
  expect(stderr.join("")).toMatch(/^Error: disk on fire\n +at .*run-process\.test\.ts/);
});
