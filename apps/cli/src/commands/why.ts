import { Command } from "commander";
import { type Event, pathOf } from "../answers.ts";
import { duration } from "../duration.ts";
import { print, printJson } from "../output.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";
import { storyOf, type Told } from "../story.ts";

interface Flags extends Settings {
  readonly last?: number;
}

interface Page {
  readonly activity: readonly (Event & Told)[];
  readonly nextBefore: string | null;
}

const PER_PAGE = 200;

export function whyCommand(): Command {
  return withSettings(new Command("why"))
    .description("Why a workspace restarted, or did not: its story, minute by minute, oldest first")
    .argument("<workspace>", "its id")
    .option("--last <duration>", "only what happened in that time, such as 30m (default: all that is kept)", duration)
    .action(async (id: string, flags: Flags) => {
      const client = clientOf(flags);
      const newestFirst: Page["activity"][number][] = [];
      for (let before: string | undefined; ; ) {
        const query = { limit: PER_PAGE, before };
        const page = await client.ask<Page>("GET", pathOf(id, "activity"), { query });
        newestFirst.push(...page.activity);
        if (page.nextBefore === null) break;
        before = page.nextBefore;
      }
      const since = flags.last === undefined ? Number.NEGATIVE_INFINITY : client.now() - flags.last;
      const told = newestFirst.filter(({ timestamp }) => Date.parse(timestamp) >= since);
      if (flags.json) return printJson({ workspaceId: id, activity: told });
      const { lines } = storyOf(told);
      print(lines.length === 0 ? "nothing happened that is still known" : lines.join("\n"));
    });
}
