/**
 * The files of a workspace. A change is on disk before its trigger, and the trigger is in Redis before the answer: an
 * acknowledged change is covered by a restart that begins after it, by the policy of its source.
 */
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { count, receipt, time } from "../answers.ts";
import { fileContent } from "../body/file-set.ts";
import { conditionHeaders, conditionOf, etagOf, stillSo } from "../conditions.ts";
import { type ApiContext, actorOf, assertRegistered, assertTakesFiles } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { assertPlain, bodyOf } from "../file-body.ts";
import { FileError, type WrittenFile } from "../files/index.ts";
import { ofWorkspace, oneLine, recordOf } from "../input.ts";
import { showReceipt } from "../representation.ts";
import { type Input, type Route, reply, route, SENT } from "../route.ts";

const RAW = "application/octet-stream";
const fileSet = recordOf(z.string(), fileContent);
const written = z.object({ path: z.string(), bytes: count });
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
    200: { description: "All of them", content: z.object({ files: z.array(written.extend({ modifiedAt: time })) }) },
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
  body: z.strictObject({ files: fileSet }),
  fileSet: true,
  answers: { 200: { description: onDisk, content: z.object({ files: z.array(written), restart: receipt }) } },
  problems: { ...removing, 507: diskFull },
  async handle(context, input) {
    const { id } = input.params;
    await assertTakesFiles(context, id);
    const files = await context.files.replaceAll(id, input.body.files);
    const reason = `replaced all files (${files.length})`;
    const restart = await triggerFor(context, input, { source: "file-write", reason, files: pathsOf(files) });
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
  headers: conditionHeaders,
  body: RAW,
  answers: {
    200: { description: `${onDisk}; ETag names the content`, content: written.extend({ restart: receipt }) },
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
    const file = await context.files.write(id, path, body, { condition: conditionOf(input.headers) });
    const why = { source: "file-write", reason: `wrote ${path}`, files: [path] };
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
  headers: conditionHeaders,
  answers: {
    200: { description: "Gone, and the trigger recorded", content: z.object({ path: z.string(), restart: receipt }) },
  },
  problems: {
    404: "Unknown workspace or file",
    409: "Not a file, or the workspace is being removed",
    412: conditionFailed,
  },
  async handle(context, input) {
    const { id, path } = input.params;
    await assertTakesFiles(context, id);
    if (!(await context.files.remove(id, path, conditionOf(input.headers))))
      throw new FileError("not-found", `no file ${JSON.stringify(path)}`);
    const why = { source: "file-write", reason: `deleted ${path}`, files: [path] };
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
  body: z
    .strictObject({ name: oneLine(128).optional(), files: fileSet.optional() })
    .refine(({ name, files }) => (name === undefined) !== (files === undefined), "expected either name or files"),
  fileSet: true,
  answers: {
    200: {
      description: onDisk,
      content: z.object({ template: z.string().nullable(), files: z.array(written), restart: receipt }),
    },
  },
  problems: { 404: "Unknown workspace or template", ...removing, 507: diskFull },
  async handle(context, input) {
    const { id } = input.params;
    const { name, files: inline } = input.body;
    await assertTakesFiles(context, id);
    const set = inline ?? (await context.templates.load(name ?? ""));
    const files = await context.files.writeMany(id, set);
    const reason = `imported ${name === undefined ? "inline files" : `template ${name}`} (${files.length})`;
    const restart = await triggerFor(context, input, { source: "template-import", reason, files: pathsOf(files) });
    return reply(200, { template: name ?? null, files: files.map(shown), restart });
  },
});

export const fileRoutes: readonly Route[] = [writeFile, readFile, removeFile, listFiles, replaceFiles, importTemplate];

async function triggerFor(
  { coordinator }: ApiContext,
  input: Input<typeof ofWorkspace>,
  why: { source: string; reason: string; files: readonly string[] },
) {
  const actor = actorOf(input.caller);
  const receipt = await coordinator.trigger(input.params.id, { ...why, actor, write: true });
  logDecision(input, receipt, { reason: why.reason, actor });
  return showReceipt(receipt);
}

function shown({ path, bytes }: WrittenFile) {
  return { path, bytes };
}

function notAsExpected(stream: Readable, path: string): FileError {
  stream.destroy();
  return new FileError("changed", `${JSON.stringify(path)} is not what the request made its condition`);
}

function pathsOf(files: readonly { readonly path: string }[]): string[] {
  return files.map(({ path }) => path);
}
