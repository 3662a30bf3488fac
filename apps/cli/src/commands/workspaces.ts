import { Command, Option } from "commander";
import { type Event, pathOf, type Workspace } from "../answers.ts";
import { wholeNumber } from "../duration.ts";
import { print, printJson, table } from "../output.ts";
import { clock, details, outlook, seen } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface ListFlags extends Settings {
  readonly phase?: string;
  readonly limit: number;
  readonly cursor?: string;
}

interface ActivityFlags extends Settings {
  readonly limit: number;
  readonly before?: string;
}

const PHASES = ["idle", "scheduled", "running", "backoff", "held", "failed"];

export function workspaceCommands(): Command[] {
  const list = withSettings(new Command("list"))
    .description("List workspaces and what each one waits for")
    .addOption(new Option("--phase <phase>", "only those in it").choices(PHASES))
    .option("--limit <number>", "at most so many, 200 at a time", wholeNumber, 50)
    .option("--cursor <id>", "go on after this one")
    .action(async (flags: ListFlags) => {
      const { phase, limit, cursor, json } = flags;
      const client = clientOf(flags);
      type Page = { workspaces: Workspace[]; nextCursor: string | null };
      const page = await client.ask<Page>("GET", "/workspaces", { query: { phase, limit, cursor } });
      if (json) return printJson(page);
      const now = client.now();
      const rows = page.workspaces.map((each) => [
        ...[each.id, each.status, seen(each, now), each.restart.phase, outlook(each, now)],
      ]);
      print(table(["WORKSPACE", "STATUS", "SEEN", "PHASE", "RESTART"], rows));
      if (page.nextCursor !== null) process.stderr.write(`more: --cursor ${page.nextCursor}\n`);
    });

  const activity = withSettings(new Command("activity"))
    .description("What happened to a workspace, newest first")
    .argument("<workspace>", "its id")
    .option("--limit <number>", "at most so many, 200 at a time", wholeNumber, 50)
    .option("--before <id>", "go on before this event")
    .action(async (id: string, flags: ActivityFlags) => {
      const { limit, before, json } = flags;
      type Page = { activity: Event[]; nextBefore: string | null };
      const page = await clientOf(flags).ask<Page>("GET", pathOf(id, "activity"), { query: { limit, before } });
      if (json) return printJson(page);
      print(table(["TIME", "EVENT", "DETAILS"], page.activity.map(rowOf)));
      if (page.nextBefore !== null) process.stderr.write(`more: --before ${page.nextBefore}\n`);
    });
  return [list, activity];
}

function rowOf(event: Event): string[] {
  return [`${event.timestamp.slice(0, 10)} ${clock(event.timestamp)}`, event.event, details(event)];
}
