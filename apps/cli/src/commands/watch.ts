import { Command } from "commander";
import { type Event, pathOf } from "../answers.ts";
import { wholeNumber } from "../duration.ts";
import { print, sayAway } from "../output.ts";
import { clock, details } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface Flags extends Settings {
  readonly event?: string;
  readonly count?: number;
}

export function watchCommand(): Command {
  return withSettings(new Command("watch"))
    .description("Follow what happens, to one workspace or to all; goes on after the server was away")
    .argument("[workspace]", "its id; all without it")
    .option("--event <names>", "only these, separated by commas")
    .option("--count <number>", "end after so many", wholeNumber)
    .action(watch);
}

async function watch(id: string | undefined, flags: Flags): Promise<void> {
  const over = new AbortController();
  const path = id === undefined ? "/events" : pathOf(id, "events");
  const query = { event: flags.event };
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let hasBegun = false;
  for await (const { event, data } of clientOf(flags).eventsPatiently(path, { query, signal: over.signal })) {
    if (event === "away") sayAway();
    else if (event !== "position") {
      tell(event, data, flags);
      left -= 1;
      if (left <= 0) return over.abort();
    } else if (!hasBegun) {
      hasBegun = true;
      if (!flags.json) process.stderr.write("watching; Ctrl-C ends it\n");
    }
  }
}

function tell(name: string, data: Readonly<Record<string, unknown>>, { json }: Flags): void {
  if (json) print(JSON.stringify(data));
  else if (name === "gap") print(`…  some events cannot be told: ${data.reason}`);
  else print(line(data as unknown as Event));
}

function line(event: Event): string {
  return `${clock(event.timestamp)}  ${event.workspace_id}  ${event.event}  ${details(event)}`.trimEnd();
}
