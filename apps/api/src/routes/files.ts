/**
 * The files of a workspace. A change is on disk before its trigger, and the trigger is in Redis before the answer: an
 * acknowledged change is covered by a restart that begins after it, by the policy of its source.
 */
import { pipeline } from "node:stream/promises";
import { type Request, type Response, Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, actorOf, assertRegistered, assertTakesFiles, idOf } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { bodyOf } from "../file-body.ts";
import { FileError } from "../files/index.ts";
import { decoded, filesBody, templateBody } from "../input.ts";
import { showReceipt } from "../representation.ts";

export function fileRoutes(context: ApiContext): Router {
  const { files, templates } = context;
  const router = Router();
  const changed = (request: Request, response: Response, source: string, reason: string, files: readonly string[]) =>
    triggerFor(context, request, response, { source, reason, files });

  router.get("/workspaces/:id/files", allow("read"), async (request, response) => {
    const id = idOf(request);
    await assertRegistered(context, id);
    response.json({ files: await files.list(id) });
  });

  router.put("/workspaces/:id/files", allow("trigger"), async (request, response) => {
    const id = idOf(request);
    const set = decoded(filesBody.parse(request.body).files);
    await assertTakesFiles(context, id);
    const written = await files.replaceAll(id, set);
    const restart = await changed(
      request,
      response,
      "file-write",
      `replaced all files (${written.length})`,
      pathsOf(written),
    );
    response.json({ files: written, restart });
  });

  router.get("/workspaces/:id/files/*path", allow("read"), async (request, response) => {
    const id = idOf(request);
    await assertRegistered(context, id);
    const { bytes, modifiedAt, stream } = await files.read(id, pathOf(request));
    response.set({
      "Content-Type": "application/octet-stream",
      "Content-Length": String(bytes),
      "Last-Modified": modifiedAt.toUTCString(),
      // What a workspace holds is never to be taken for a page of this server.
      "Content-Disposition": "attachment",
      "X-Content-Type-Options": "nosniff",
    });
    await pipeline(stream, response);
  });

  router.put("/workspaces/:id/files/*path", allow("trigger"), async (request, response) => {
    const id = idOf(request);
    const path = pathOf(request);
    const [body] = await Promise.all([bodyOf(request), assertTakesFiles(context, id)]);
    const written = await files.write(id, path, body);
    const restart = await changed(request, response, "file-write", `wrote ${path}`, [path]);
    response.json({ ...written, restart });
  });

  router.delete("/workspaces/:id/files/*path", allow("trigger"), async (request, response) => {
    const id = idOf(request);
    const path = pathOf(request);
    await assertTakesFiles(context, id);
    if (!(await files.remove(id, path))) throw new FileError("not-found", `no file ${JSON.stringify(path)}`);
    const restart = await changed(request, response, "file-write", `deleted ${path}`, [path]);
    response.json({ path, restart });
  });

  router.post("/workspaces/:id/template", allow("trigger"), async (request, response) => {
    const id = idOf(request);
    const body = templateBody.parse(request.body);
    await assertTakesFiles(context, id);
    const named = body.name;
    const set = body.files !== undefined ? decoded(body.files) : await templates.load(named ?? "");
    const written = await files.writeMany(id, set);
    const what = `${named === undefined ? "inline files" : `template ${named}`} (${written.length})`;
    const restart = await changed(request, response, "template-import", `imported ${what}`, pathsOf(written));
    response.json({ template: named ?? null, files: written, restart });
  });
  return router;
}

async function triggerFor(
  { coordinator }: ApiContext,
  request: Request,
  response: Response,
  why: { source: string; reason: string; files: readonly string[] },
) {
  const actor = actorOf(response);
  const receipt = await coordinator.trigger(idOf(request), { ...why, actor, write: true });
  logDecision(request, response, receipt, { reason: why.reason, actor });
  return showReceipt(receipt);
}

function pathsOf(written: readonly { readonly path: string }[]): string[] {
  return written.map(({ path }) => path);
}

/** Express decodes each segment; the store judges what comes of it. */
function pathOf(request: Request): string {
  const { path } = request.params as { path?: string | string[] };
  return Array.isArray(path) ? path.join("/") : (path ?? "");
}
