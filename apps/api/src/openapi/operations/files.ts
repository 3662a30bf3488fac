import { z } from "zod";
import { filesBody, templateBody } from "../../input.ts";
import { fileList, fileRemoved, filesWritten, fileWritten, templateImported } from "../answers.ts";
import type { Operation } from "../operation.ts";

const RAW = "application/octet-stream";
const path = z.object({ path: z.string().describe("Slashes in it are part of the path and are not escaped") });
const removing = { 409: "The workspace is being removed" };

export const FILE_OPERATIONS: readonly Operation[] = [
  {
    route: "GET /workspaces/{id}/files",
    id: "listFiles",
    tag: "Files",
    summary: "List a workspace's files",
    scope: "read",
    answers: { 200: { description: "All of them", content: fileList } },
  },
  {
    route: "PUT /workspaces/{id}/files",
    id: "replaceFiles",
    tag: "Files",
    summary: "Replace all files of a workspace, at most 200",
    scope: "trigger",
    body: filesBody,
    answers: { 200: { description: "On disk, and the trigger recorded", content: filesWritten } },
    problems: removing,
  },
  {
    route: "GET /workspaces/{id}/files/{path}",
    id: "readFile",
    tag: "Files",
    summary: "Read a file",
    scope: "read",
    path,
    answers: { 200: { description: "Its bytes", content: RAW } },
    problems: { 404: "Unknown workspace or file", 409: "Not a file" },
  },
  {
    route: "PUT /workspaces/{id}/files/{path}",
    id: "writeFile",
    tag: "Files",
    summary: "Write a file",
    scope: "trigger",
    path,
    body: RAW,
    answers: { 200: { description: "On disk, and the trigger recorded", content: fileWritten } },
    problems: { 409: "Not a file, or the workspace is being removed" },
  },
  {
    route: "DELETE /workspaces/{id}/files/{path}",
    id: "removeFile",
    tag: "Files",
    summary: "Remove a file",
    scope: "trigger",
    path,
    answers: { 200: { description: "Gone, and the trigger recorded", content: fileRemoved } },
    problems: { 404: "Unknown workspace or file", 409: "Not a file, or the workspace is being removed" },
  },
  {
    route: "POST /workspaces/{id}/template",
    id: "importTemplate",
    tag: "Files",
    summary: "Write a template over a workspace's files: a named one, or inline files",
    scope: "trigger",
    body: templateBody,
    answers: { 200: { description: "On disk, and the trigger recorded", content: templateImported } },
    problems: { 404: "Unknown workspace or template", ...removing },
  },
];
