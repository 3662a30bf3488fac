import { Command } from "commander";
import { type Event, pathOf } from "../answers.ts";
import { wholeNumber } from "../duration.ts";
import { EXIT, Failure } from "../exit-codes.ts";
import { print } from "../output.ts";
import { clock, details } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface Flags extends Settings {
  readonly event?: string;
  readonly count?: number;
}

const AGAIN_AFTER_MS = 1_000;
const MOST_FAILURES = 30;

export function watchCommand(): Command {
  return withSettings(new Command("watch"))
    .description("Follow what happens, to one workspace or to all; goes on after the server was away")
    .argument("[workspace]", "its id; all without it")
    .option("--event <names>", "only these, separated by commas")
    .option("--count <number>", "end after so many", wholeNumber)
    .action(watch);
}

async function watch(id: string | undefined, flags: Flags): Promise<void> {
  const client = clientOf(flags);
  const over = new AbortController();
  const path = id === undefined ? "/events" : pathOf(id, "events");
  let lastId: string | undefined;
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let hasBegun = false;
  for (let failures = 0; ; failures += 1) {
    try {
      const query = { event: flags.event };
      for await (const message of client.events(path, { query, lastId, signal: over.signal })) {
        if (message.event === "open" && !hasBegun && !flags.json) process.stderr.write("watching; Ctrl-C ends it\n");
        hasBegun = true;
        failures = 0;
        lastId = message.id ?? lastId;
        if (message.event === "open") continue;
        tell(message.event, message.data, flags);
        left -= 1;
        if (left <= 0) return over.abort();
      }
    } catch (error) {
      // A stream that breaks off is taken up again; one that never began is not there.
      const isForGood = error instanceof Failure && error.code !== EXIT.away;
      if (!hasBegun || isForGood || failures >= MOST_FAILURES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
}

function tell(name: string, data: Readonly<Record<string, unknown>>, { json }: Flags): void {
  if (json) print(JSON.stringify(data));
  else if (name === "gap") print("…  some events were trimmed before they could be told");
  else print(line(data as unknown as Event));
}

function line(event: Event): string {
  return `${clock(event.timestamp)}  ${event.workspace_id}  ${event.event}  ${details(event)}`.trimEnd();
}
