/**
 * The files of a workspace. A change is on disk before its trigger, and the trigger is in Redis before the answer: an
 * acknowledged change is covered by a restart that begins after it, by the policy of its source.
 */
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { count, foreseen, receipt, time } from "../answers.ts";
import { fileContent } from "../body/file-set.ts";
import { conditionHeaders, conditionOf, etagOf, stillSo } from "../conditions.ts";
import { type ApiContext, actorOf, assertRegistered, assertTakesFiles } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { assertPlain, bodyOf } from "../file-body.ts";
import { type Change, FileError, type WrittenFile } from "../files/index.ts";
import { dryRunQuery, ofWorkspace, oneLine, recordOf } from "../input.ts";
import { showForeseen, showReceipt } from "../representation.ts";
import { type Input, type Route, reply, route, SENT } from "../route.ts";

const RAW = "application/octet-stream";
const fileSet = recordOf(z.string(), fileContent);
const listed = z.object({ path: z.string(), bytes: count, modifiedAt: time });
const written = z.object({
  path: z.string(),
  bytes: count,
  changed: z.boolean().describe("False where it had this very content, and was left as it was"),
});
/** What a dry run answers stands where the receipt would: it has no id. */
const restart = z.union([receipt, foreseen]);
const conditionFailed = "A condition does not hold; nothing was changed";

const set = { tag: "Files", path: "/workspaces/:id/files", params: ofWorkspace } as const;
const one = {
  tag: "Files",
  path: "/workspaces/:id/files/*path",
  params: ofWorkspace.extend({ path: z.string().describe("Slashes in it are part of the path and are not escaped") }),
} as const;
const onDisk = "On disk, and the trigger recorded";
const removing = { 409: "The workspace is being removed" };
const diskFull = "The disk, or its quota, is full; the old content stays";

const listFiles = route({
  ...set,
  id: "listFiles",
  summary: "List a workspace's files",
  method: "GET",
  scope: "read",
  answers: {
    200: { description: "All of them", content: z.object({ files: z.array(listed) }) },
  },
  async handle(context, { params: { id } }) {
    await assertRegistered(context, id);
    const files = await context.files.list(id);
    return reply(200, { files: files.map((file) => ({ ...file, modifiedAt: file.modifiedAt.toISOString() })) });
  },
});

const replaceFiles = route({
  ...set,
  id: "replaceFiles",
  summary: "Replace all files of a workspace, at most 200",
  method: "PUT",
  scope: "trigger",
  query: dryRunQuery,
  body: z.strictObject({ files: fileSet }),
  fileSet: true,
  answers: { 200: { description: onDisk, content: z.object({ files: z.array(written), restart }) } },
  problems: { ...removing, 507: diskFull },
  async handle(context, input) {
    const { id } = input.params;
    await assertTakesFiles(context, id);
    const change = context.files.change(id, { isDry: input.query.dryRun });
    const files = await context.files.replaceAll(id, input.body.files, change);
    const reason = `replaced all files (${files.length})`;
    const restart = await triggerFor(context, input, { source: "file-write", reason, files: pathsOf(files), change });
    return reply(200, { files: files.map(shown), restart });
  },
});

const readFile = route({
  ...one,
  id: "readFile",
  summary: "Read a file",
  method: "GET",
  scope: "read",
  headers: conditionHeaders.extend({ "If-Modified-Since": z.string().optional() }),
  answers: {
    200: { description: "Its bytes", content: RAW },
    304: { description: "Still what the caller has", content: undefined },
  },
  problems: { 404: "Unknown workspace or file", 409: "Not a file", 412: "A condition does not hold" },
  async handle(context, { params: { id, path }, headers, request, response }) {
    await assertRegistered(context, id);
    const { bytes, modifiedAt, stream } = await context.files.read(id, path);
    const digest = await stream.digest();
    response.set({
      ETag: etagOf({ digest }),
      "Content-Type": RAW,
      "Content-Length": String(bytes),
      "Last-Modified": modifiedAt.toUTCString(),
      // What a workspace holds is never to be taken for a page of this server.
      "Content-Disposition": "attachment",
      "X-Content-Type-Options": "nosniff",
    });
    if (!stillSo(headers, { digest, modifiedAt })) throw notAsExpected(stream, path);
    // Express compares If-None-Match and If-Modified-Since with what was just set.
    if (request.fresh) {
      stream.destroy();
      for (const name of ["Content-Type", "Content-Length", "Content-Disposition"]) response.removeHeader(name);
      response.status(304).end();
      return SENT;
    }
    await pipeline(stream, response);
    return SENT;
  },
});

const writeFile = route({
  ...one,
  id: "writeFile",
  summary: "Write a file",
  method: "PUT",
  scope: "trigger",
  query: dryRunQuery,
  headers: conditionHeaders,
  body: RAW,
  answers: {
    200: { description: `${onDisk}; ETag names the content`, content: written.extend({ restart }) },
  },
  problems: {
    409: "Not a file, or the workspace is being removed",
    412: conditionFailed,
    415: "A Content-Encoding that is not undone here",
    507: diskFull,
  },
  async handle(context, input) {
    const { id, path } = input.params;
    assertPlain(input.request);
    const [body] = await Promise.all([bodyOf(input.request), assertTakesFiles(context, id)]);
    const change = context.files.change(id, { isDry: input.query.dryRun });
    const file = await context.files.write(id, path, body, { condition: conditionOf(input.headers), change });
    const why = { source: "file-write", reason: `wrote ${path}`, files: [path], change };
    const restart = await triggerFor(context, input, why);
    return reply(200, { ...shown(file), restart }, { ETag: etagOf(file) });
  },
});

const removeFile = route({
  ...one,
  id: "removeFile",
  summary: "Remove a file",
  method: "DELETE",
  scope: "trigger",
  query: dryRunQuery,
  headers: conditionHeaders,
  answers: {
    200: { description: "Gone, and the trigger recorded", content: z.object({ path: z.string(), restart }) },
  },
  problems: {
    404: "Unknown workspace or file",
    409: "Not a file, or the workspace is being removed",
    412: conditionFailed,
  },
  async handle(context, input) {
    const { id, path } = input.params;
    await assertTakesFiles(context, id);
    const change = context.files.change(id, { isDry: input.query.dryRun });
    const existed = await context.files.remove(id, path, { condition: conditionOf(input.headers), change });
    // Whoever removed it may have died before anybody was asked for a restart.
    if (!existed && change.isUnchanged) throw new FileError("not-found", `no file ${JSON.stringify(path)}`);
    const why = { source: "file-write", reason: `deleted ${path}`, files: [path], change };
    return reply(200, { path, restart: await triggerFor(context, input, why) });
  },
});

const importTemplate = route({
  id: "importTemplate",
  tag: "Files",
  summary: "Write a template over a workspace's files: a named one, or inline files",
  method: "POST",
  path: "/workspaces/:id/template",
  scope: "trigger",
  params: ofWorkspace,
  query: dryRunQuery,
  body: z
    .strictObject({ name: oneLine(128).optional(), files: fileSet.optional() })
    .refine(({ name, files }) => (name === undefined) !== (files === undefined), "expected either name or files"),
  fileSet: true,
  answers: {
    200: {
      description: onDisk,
      content: z.object({ template: z.string().nullable(), files: z.array(written), restart }),
    },
  },
  problems: { 404: "Unknown workspace or template", ...removing, 507: diskFull },
  async handle(context, input) {
    const { id } = input.params;
    const { name, files: inline } = input.body;
    await assertTakesFiles(context, id);
    const set = inline ?? (await context.templates.load(name ?? ""));
    const change = context.files.change(id, { isDry: input.query.dryRun });
    const files = await context.files.writeMany(id, set, change);
    const reason = `imported ${name === undefined ? "inline files" : `template ${name}`} (${files.length})`;
    const restart = await triggerFor(context, input, {
      source: "template-import",
      reason,
      files: pathsOf(files),
      change,
    });
    return reply(200, { template: name ?? null, files: files.map(shown), restart });
  },
});

export const fileRoutes: readonly Route[] = [writeFile, readFile, removeFile, listFiles, replaceFiles, importTemplate];

async function triggerFor(
  { coordinator }: ApiContext,
  input: Input<typeof ofWorkspace>,
  { change, ...why }: { source: string; reason: string; files: readonly string[]; change: Change },
) {
  const actor = actorOf(input.caller);
  const request = { ...why, actor, write: true, unchanged: change.isUnchanged };
  const { id: workspaceId } = input.params;
  if (change.isDry) {
    return showForeseen({ workspaceId, source: why.source }, await coordinator.foresee(workspaceId, request));
  }
  const receipt = await coordinator.trigger(workspaceId, request);
  logDecision(input, receipt, { reason: why.reason, actor });
  // What a policy drops stays unasked for: whoever writes the same bytes again asks anew.
  await change.settle({ isOwed: receipt.decision !== "dropped" });
  return showReceipt(receipt);
}

function shown({ path, bytes, changed }: WrittenFile) {
  return { path, bytes, changed };
}

function notAsExpected(stream: Readable, path: string): FileError {
  stream.destroy();
  return new FileError("changed", `${JSON.stringify(path)} is not what the request made its condition`);
}

/** Those that changed; where none did, those that were given. */
function pathsOf(files: readonly WrittenFile[]): string[] {
  const changed = files.filter((file) => file.changed);
  return (changed.length > 0 ? changed : files).map(({ path }) => path);
}
