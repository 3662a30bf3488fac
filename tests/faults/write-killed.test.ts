/** A replica dies while it writes, and the client repeats its request elsewhere: the same bytes are no news to the disk. */
import { access, chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { type Bench, test } from "./support/bench.ts";

const TOKEN = "a-token-of-this-test";
const IN_A_HURRY = { sources: { "file-write": { windowMs: 50, maxWaitMs: 100 } } };
/** Until its staged file is put in place, whoever repeats the request does not know that the writer is dead. */
const UNCERTAIN = ["after stage", "after announce"];
const POINTS = [...UNCERTAIN, "after place", "after trigger", "after settle"];

interface Answer {
  readonly status: number;
  readonly restart?: { readonly decision: string; readonly rule: string };
}

async function ask(url: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const isRaw = body === undefined || typeof body === "string";
  const response = await fetch(`${url}/workspaces/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, ...(!isRaw && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
  });
  return { ...((await response.json()) as object), status: response.status };
}

/** An API, a worker whose restarts read the workspace's files once, and replicas that die when they are told to. */
class Writers {
  readonly #bench: Bench;
  readonly #directory: string;
  url = "";

  constructor(bench: Bench) {
    this.#bench = bench;
    this.#directory = join(tmpdir(), bench.prefix);
  }

  async start(): Promise<void> {
    const restart = join(this.#directory, "restart");
    await mkdir(join(this.#directory, "loaded"), { recursive: true });
    const loaded = `${this.#directory}/loaded/$WORKSPACE_ID`;
    await writeFile(restart, `#!/bin/sh\nrm -rf "${loaded}"\ncp -r "$WORKSPACE_FILES" "${loaded}"\n`);
    await chmod(restart, 0o755);
    await writeFile(this.#settings.RESTART_POLICY_FILE, JSON.stringify(IN_A_HURRY));
    const commands = { COMMAND_RESTART: JSON.stringify([restart]), COMMAND_STOP: '["true"]' };
    const [api] = await Promise.all([
      this.#bench.api(this.#settings),
      this.#bench.worker({ PROVISIONER: "command", ...commands, ...this.#settings }),
    ]);
    this.url = api.url;
  }

  async register(id: string): Promise<void> {
    await this.#bench.coordinator.registry.register(id, {});
    await this.put(id, "old");
    await this.#bench.settled(id);
  }

  put(id: string, content: string): Promise<Answer> {
    return ask(this.url, "PUT", `${id}/files/a`, content);
  }

  /** Asks a replica that dies at that point of it. */
  async dying(point: string, method: string, path: string, body?: unknown): Promise<void> {
    const child = this.#bench.apiProcess({ ...this.#settings, FAULT_AT: point });
    const { url } = await child.logged(/listening/);
    await expect(ask(String(url), method, path, body), point).rejects.toThrow();
    expect(await child.ended).toBe("SIGKILL");
  }

  /** What the workspace's process has read when it started last. */
  loaded(id: string, path = "a"): Promise<string> {
    return readFile(join(this.#directory, "loaded", id, path), "utf8");
  }

  isLoaded(id: string, path: string): Promise<boolean> {
    const there = access(join(this.#directory, "loaded", id, path));
    return there.then(
      () => true,
      () => false,
    );
  }

  get #settings() {
    return {
      API_TOKENS: `ci:trigger:${TOKEN}`,
      WORKSPACES_DIR: join(this.#directory, "files"),
      RESTART_POLICY_FILE: join(this.#directory, "policy.json"),
    };
  }
}

test("wherever a replica dies, the repeated write ends up in the running process", async ({ useBench }) => {
  const bench = useBench();
  const writers = new Writers(bench);
  await writers.start();
  await Promise.all(
    POINTS.map(async (point) => {
      const id = point.replaceAll(" ", "-");
      await writers.register(id);
      await writers.dying(point, "PUT", `${id}/files/a`, "new");
      expect(await writers.put(id, "new"), point).toMatchObject({ status: 200 });
      await bench.settled(id);
      expect(await writers.loaded(id), point).toBe("new");
      const { restart } = await writers.put(id, "new");
      if (!UNCERTAIN.includes(point)) expect(restart, point).toMatchObject({ decision: "dropped", rule: "unchanged" });
    }),
  );
});

test("bytes that were asked for long ago are news again where another version was in between", async ({ useBench }) => {
  const bench = useBench();
  const writers = new Writers(bench);
  await writers.start();
  await writers.register("w");
  await writers.dying("after place", "PUT", "w/files/a", "between");
  await bench.coordinator.trigger("w", { source: "manual" });
  await bench.settled("w");
  expect(await writers.loaded("w")).toBe("between");
  await writers.dying("after place", "PUT", "w/files/a", "old");
  await writers.put("w", "old");
  await bench.settled("w");
  expect(await writers.loaded("w")).toBe("old");
});

test("the same holds for what is removed, alone or by a set that leaves it out", async ({ useBench }) => {
  const bench = useBench();
  const writers = new Writers(bench);
  await writers.start();
  await Promise.all([writers.register("one"), writers.register("set"), writers.register("half")]);
  const files = { files: { b: "b" } };
  await Promise.all([
    writers.dying("after removal", "DELETE", "one/files/a"),
    writers.dying("after removal", "PUT", "set/files", files),
    writers.dying("after place", "PUT", "half/files", files),
  ]);
  expect(await ask(writers.url, "DELETE", "one/files/a")).toMatchObject({ status: 200 });
  for (const id of ["set", "half"]) {
    expect(await ask(writers.url, "PUT", `${id}/files`, files)).toMatchObject({ status: 200 });
  }
  for (const id of ["one", "set", "half"]) {
    await bench.settled(id);
    expect(await writers.isLoaded(id, "a"), id).toBe(false);
  }
  expect(await writers.loaded("half", "b")).toBe("b");
  expect((await ask(writers.url, "DELETE", "one/files/a")).status).toBe(404);
  expect((await ask(writers.url, "PUT", "set/files", files)).restart).toMatchObject({ rule: "unchanged" });
});
