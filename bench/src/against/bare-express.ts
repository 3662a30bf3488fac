/**
 * The bare handlers our API is measured against, as a process of its own: the same parser, authentication and log, and
 * nothing of the coordinator. `POST /workspaces/:id/triggers` is one SET NX PX; `PUT /workspaces/:id/files/:name` writes
 * the file as durably as ours: write, sync, rename, and the two directories synced.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createLogger } from "@restart-coordinator/service";
import express from "express";
import { Redis } from "ioredis";
// By path: the very same authentication.
import { authenticate, Tokens } from "../../../apps/api/src/authentication.ts";

const WINDOW_MS = 15_000;
const root = process.env.WORKSPACES_DIR as string;
const logger = createLogger("bare", "info");
const redis = new Redis(process.env.REDIS_URL as string);
const tokens = Tokens.parse(process.env.API_TOKENS as string);
await mkdir(join(root, ".staging"), { recursive: true });

const app = express();
app.disable("x-powered-by");
app.use(authenticate(tokens));

app.post("/workspaces/:id/triggers", express.json(), async (request, response) => {
  const { id } = request.params;
  const { source } = request.body as { source: string };
  const isFirst = (await redis.set(`window:${source}:${id}`, "1", "PX", WINDOW_MS, "NX")) === "OK";
  logger.info({ workspaceId: id, source, isFirst }, isFirst ? "fired" : "suppressed");
  response.status(202).json({ workspaceId: id, source, fired: isFirst });
});

app.put("/workspaces/:id/files/:name", express.raw({ type: () => true, limit: "10mb" }), async (request, response) => {
  const { id, name } = request.params;
  const contents = request.body as Buffer;
  const directory = join(root, id);
  await mkdir(directory, { recursive: true });
  const staged = join(root, ".staging", randomUUID());
  const file = await open(staged, "wx");
  await file.writeFile(contents);
  await file.sync();
  await file.close();
  await rename(staged, join(directory, name));
  await Promise.all([synced(root), synced(directory)]);
  logger.info({ workspaceId: id, path: name }, "wrote");
  response.json({ path: name, bytes: contents.length });
});

async function synced(directory: string): Promise<void> {
  const handle = await open(directory);
  await handle.sync();
  await handle.close();
}

const server = createServer(app);
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  logger.info(`listening on ${url}`);
});
