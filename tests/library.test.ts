/** docs/library.md, run as it is printed: the coordinator in a server and a worker that are not ours, with Redis away meanwhile. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
let server: OwnRedis;
let folder = "";

beforeAll(async () => {
  server = await startRedis({ own: true });
  folder = await mkdtemp(join(tmpdir(), "library-"));
  const page = await readFile(join(ROOT, "docs/library.md"), "utf8");
  for (const express of ["express", "express4"]) {
    const modules = join(folder, express, "node_modules");
    await mkdir(join(modules, "@restart-coordinator"), { recursive: true });
    await symlink(join(ROOT, "packages/debounce"), join(modules, "@restart-coordinator/debounce"));
    await symlink(join(ROOT, "tests/node_modules/ioredis"), join(modules, "ioredis"));
    await symlink(join(ROOT, "tests/node_modules", express), join(modules, "express"));
    for (const name of ["server.mjs", "worker.mjs"]) {
      const [, printed = ""] = page.split(`<!-- ${name} -->\n\`\`\`js\n`);
      await writeFile(join(folder, express, name), printed.split("\n```")[0] ?? "");
    }
  }
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

class Program {
  output = "";
  readonly child: ChildProcess;
  readonly #heard = new Set<() => void>();

  constructor(express: string, name: string) {
    const env = { PATH: process.env.PATH, REDIS_URL: server.url, PORT: "0" };
    this.child = spawn(process.execPath, [join(folder, express, name)], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        for (const look of this.#heard) look();
      });
    }
    onTestFinished(async () => {
      if (this.child.exitCode === null && this.child.signalCode === null) {
        this.child.kill("SIGKILL");
        await once(this.child, "exit");
      }
    });
  }

  /** The first match. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.output);
        if (match === null) return;
        this.#heard.delete(look);
        resolve(match);
      };
      this.#heard.add(look);
      look();
      this.child.once("exit", () => reject(new Error(`it ended without printing ${pattern}:\n${this.output}`)));
    });
  }
}

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

describe.each([
  ["5", "express"],
  ["4", "express4"],
])("the page, on Express %s", (_version, express) => {
  test("triggers and restarts, answers 503 while Redis is away, and goes on after it", async () => {
    const program = new Program(express, "server.mjs");
    const [, port] = await program.printed(/listening on (\d+)/);
    const put = async (path: string): Promise<Answer> => {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method: "PUT" });
      return { status: response.status, json: (await response.json()) as Answer["json"] };
    };
    const answered = (path: string) => expect.poll(() => put(path), { timeout: 20_000 });
    const id = `theirs-${express}`;

    await answered(`workspaces/${id}`).toMatchObject({ status: 200 });
    expect(await put("save/nobodys")).toMatchObject({ json: { decision: "refused", rule: "removed" } });
    expect(await put(`save/${id}`)).toMatchObject({ json: { decision: "fired", rule: "window" } });
    expect(await put(`save/${id}`)).toMatchObject({ json: { decision: "coalesced", rule: "pending" } });

    const worker = new Program(express, "worker.mjs");
    await worker.printed(new RegExp(`restart ${id}`));

    await server.kill("SIGSTOP");
    expect(await put(`save/${id}`)).toEqual({ status: 503, json: { error: "saved, but not acknowledged: try again" } });
    await server.kill("SIGCONT");
    await answered(`save/${id}`).toMatchObject({ status: 200, json: { decision: "coalesced" } });

    // A worker that was told to stop ends by itself.
    worker.child.kill("SIGTERM");
    expect(await once(worker.child, "exit")).toEqual([0, null]);
    expect(program.child.exitCode).toBeNull();
  });
});
