/** Workspaces are registered, changed and removed. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { pathOf, type Workspace } from "../answers.ts";
import { EXIT, Failure } from "../exit-codes.ts";
import { print, printJson } from "../output.ts";
import { keyValue } from "../rollout-flags.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface RegisterFlags extends Settings {
  readonly name?: string;
  readonly runtime?: string;
  readonly parent?: string;
  readonly tag?: Readonly<Record<string, string>>;
  readonly spec?: string;
}

export function registryCommands(): Command[] {
  const register = withSettings(new Command("register"))
    .description("Register a workspace, or change what is said of it; what is left out stays as it is")
    .argument("<workspace>", "its id")
    .option("--name <text>", "for people")
    .option("--runtime <runtime>", "what it is; external: nobody restarts it")
    .option("--parent <workspace>", "it is paused along with this one")
    .option("--tag <name=value>", "may be repeated; replaces all tags", keyValue)
    .option("--spec <file>", "a JSON file with what the provisioner needs to know (scope admin)")
    .action(async (id: string, flags: RegisterFlags) => {
      const { name, runtime, parent: parentId, tag: tags, spec } = flags;
      const body = { name, runtime, parentId, tags, ...(spec !== undefined && { spec: objectIn(spec) }) };
      const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
      const workspace = await clientOf(flags).ask<Workspace>("PUT", pathOf(id), { body: given });
      if (flags.json) printJson(workspace);
      else print(`${id}: registered, ${workspace.status}`);
    });

  const remove = withSettings(new Command("delete"))
    .description("Stop a workspace, then forget it")
    .argument("<workspace>", "its id")
    .option("--force", "forget it at once, files included, and leave what runs to itself (scope admin)")
    .action(async (id: string, flags: Settings & { force?: true }) => {
      const query = { force: flags.force ? "true" : undefined };
      const answer = await clientOf(flags).ask<{ status: string }>("DELETE", pathOf(id), { query });
      if (flags.json) printJson(answer);
      else print(`${id}: ${answer.status === "removed" ? "forgotten" : "is stopped, then forgotten"}`);
    });
  return [register, remove];
}

/** @throws Failure when there is no JSON object in the file */
function objectIn(file: string): Record<string, unknown> {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Failure(EXIT.usage, `${file}: expected a JSON object: ${(error as Error).message}`);
  }
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Record<string, unknown>;
  throw new Failure(
    EXIT.usage,
    `${file}: expected a JSON object, got ${Array.isArray(found) ? "an array" : typeof found}`,
  );
}
