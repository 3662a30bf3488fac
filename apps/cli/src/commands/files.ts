import { readFileSync } from "node:fs";
import { Command } from "commander";
import { pathOf, type Receipt } from "../answers.ts";
import { EXIT, Failure } from "../exit-codes.ts";
import { print, printJson, table } from "../output.ts";
import { clock, decided } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface Listed {
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly modifiedAt: string }[];
}

interface Changed {
  readonly restart: Receipt;
}

export function filesCommand(): Command {
  const group = new Command("files").description("The files of a workspace; a change asks for a restart");
  for (const command of [listCommand(), getCommand(), putCommand(), deleteCommand()]) group.addCommand(command);
  return group;
}

const fileOf = (id: string, path: string): string => pathOf(id, "files", ...path.split("/"));

function listCommand(): Command {
  return withSettings(new Command("list"))
    .description("List them")
    .argument("<workspace>", "its id")
    .action(async (id: string, flags: Settings) => {
      const answer = await clientOf(flags).ask<Listed>("GET", pathOf(id, "files"));
      if (flags.json) return printJson(answer);
      const rows = answer.files.map(({ path, bytes, modifiedAt }) => [
        ...[String(bytes), `${modifiedAt.slice(0, 10)} ${clock(modifiedAt)}`, path],
      ]);
      print(table(["BYTES", "MODIFIED", "FILE"], rows));
    });
}

function getCommand(): Command {
  return withSettings(new Command("get"))
    .description("Write a file's bytes to standard output")
    .argument("<workspace>", "its id")
    .argument("<path>", "of the file, in the workspace")
    .action(async (id: string, path: string, flags: Settings) => {
      process.stdout.write(await clientOf(flags).download(fileOf(id, path)));
    });
}

function putCommand(): Command {
  return withSettings(new Command("put"))
    .description("Write a file")
    .argument("<workspace>", "its id")
    .argument("<path>", "of the file, in the workspace")
    .argument("[source]", "a file here; standard input without it")
    .action(async (id: string, path: string, source: string | undefined, flags: Settings) => {
      const body = bytesOf(source);
      tell(path, "written", await clientOf(flags).ask<Changed>("PUT", fileOf(id, path), { body }), flags);
    });
}

function deleteCommand(): Command {
  return withSettings(new Command("delete"))
    .description("Delete a file")
    .argument("<workspace>", "its id")
    .argument("<path>", "of the file, in the workspace")
    .action(async (id: string, path: string, flags: Settings) => {
      tell(path, "deleted", await clientOf(flags).ask<Changed>("DELETE", fileOf(id, path)), flags);
    });
}

function tell(path: string, how: string, answer: Changed, { json }: Settings): void {
  if (json) printJson(answer);
  else print(`${path} ${how}; the restart is ${decided(answer.restart)}`);
}

/** @throws Failure when it cannot be read */
function bytesOf(source: string | undefined): Buffer {
  try {
    return readFileSync(source ?? 0);
  } catch (error) {
    throw new Failure(EXIT.usage, `${source ?? "standard input"} cannot be read: ${(error as Error).message}`);
  }
}
