import { Command } from "commander";
import { type Hold, pathOf, type Workspace } from "../answers.ts";
import type { Client } from "../client.ts";
import { oneLine, print, printJson, table } from "../output.ts";
import { clock } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface HeldBy extends Hold {
  readonly workspaceId: string;
}

/** `holds`: who holds what back, and until when. */
export function holdsCommand(): Command {
  return withSettings(new Command("holds"))
    .description("Who holds restarts back, why and until when: of one workspace, or of all")
    .argument("[workspace]", "its id")
    .action(async (id: string | undefined, flags: Settings) => {
      const client = clientOf(flags);
      const workspaces = id === undefined ? everyWorkspace(client) : [await client.ask<Workspace>("GET", pathOf(id))];
      const holds: HeldBy[] = [];
      for await (const workspace of workspaces) {
        for (const hold of workspace.restart.holds) holds.push({ workspaceId: workspace.id, ...hold });
      }
      if (flags.json) return printJson({ holds });
      if (holds.length === 0) return print("nothing is held");
      print(table(["WORKSPACE", "HOLD", "OWNER", "SINCE", "UNTIL", "REASON"], holds.map(rowOf)));
    });
}

function rowOf({ workspaceId, id, owner, since, endsAt, reason }: HeldBy): string[] {
  return [workspaceId, id, owner, clock(since), clock(endsAt), oneLine(reason ?? "")];
}

/** Page by page. */
async function* everyWorkspace(client: Client): AsyncGenerator<Workspace> {
  type Page = { readonly workspaces: readonly Workspace[]; readonly nextCursor: string | null };
  for (let cursor: string | undefined; ; ) {
    const page: Page = await client.ask<Page>("GET", "/workspaces", { query: { limit: 200, cursor } });
    yield* page.workspaces;
    if (page.nextCursor === null) return;
    cursor = page.nextCursor;
  }
}
