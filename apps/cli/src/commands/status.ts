import { Command } from "commander";
import { type Policy, pathOf, type Workspace } from "../answers.ts";
import type { Client } from "../client.ts";
import { EXIT, Failure } from "../exit-codes.ts";
import { coloured, oneLine, print, printJson, sayAway } from "../output.ts";
import { causes, clock, outlook, sightings, span } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

/** What needs a person is red, what waits yellow, what happens green. */
const COLOURS = {
  running: "green",
  scheduled: "yellow",
  held: "yellow",
  backoff: "yellow",
  failed: "red",
} as const satisfies Partial<Record<Workspace["restart"]["phase"], string>>;

interface Flags extends Settings {
  readonly follow?: true;
}

export function statusCommand(): Command {
  return withSettings(new Command("status"))
    .description("How a workspace stands: what is owed, why, and when it restarts")
    .argument("<workspace>", "its id")
    .option("--follow", "count down, until nothing is owed and nothing runs")
    .action(async (id: string, flags: Flags) => {
      const client = clientOf(flags);
      if (flags.follow) return follow(client, id, flags);
      const workspace = await client.ask<Workspace>("GET", pathOf(id));
      if (flags.json) return printJson(workspace);
      print(report(workspace, client.now(), await policyOf(client, id)));
    });
}

function report(workspace: Workspace, now: number, policy: Policy | undefined): string {
  const { id, name, status, restart } = workspace;
  const { why, lastCycle, cooldownEndsAt } = restart;
  const lines = [
    `${id}${name === null ? "" : ` (${oneLine(name)})`}  ${status}`,
    `  ${coloured(colourOf(restart.phase), outlook(workspace, now, policy))}`,
  ];
  lines.push(...sightings(workspace, now).map((line) => `  ${line}`));
  for (const { source, count, lastAt, reasons, actors } of why) {
    const words = [...reasons.slice(0, 3), ...(actors.length > 0 ? [`by ${actors.slice(0, 3).join(", ")}`] : [])];
    lines.push(oneLine(`  owed  ${count} ${source}, last ${clock(lastAt)}: ${words.join(", ")}`));
  }
  if (lastCycle !== null) {
    const { outcome, startedAt, endedAt, covers, error } = lastCycle;
    const took = span(Date.parse(endedAt) - Date.parse(startedAt));
    const covered = covers.length === 0 ? "" : `, covered ${causes(covers)}`;
    const ago = span(now - Date.parse(endedAt));
    lines.push(
      oneLine(`  last  ${outcome} ${ago} ago, took ${took}${covered}${error === undefined ? "" : `: ${error}`}`),
    );
  }
  if (cooldownEndsAt !== null) lines.push(`  cooldown until ${clock(cooldownEndsAt)}`);
  return lines.join("\n");
}

function colourOf(phase: Workspace["restart"]["phase"]) {
  return phase === "idle" ? undefined : COLOURS[phase];
}

/** Looks whenever something may have happened to it; in between, the clock goes on. */
async function follow(client: Client, id: string, { json }: Flags): Promise<void> {
  const over = new AbortController();
  const policy = await policyOf(client, id);
  const live = process.stdout.isTTY === true && !json;
  let workspace: Workspace | undefined;
  let shown = "";
  const show = (): void => {
    if (workspace === undefined) return;
    const text = outlook(workspace, client.now(), policy);
    if (live) process.stdout.write(`\r\u001b[2K${id}: ${text}`);
    // Into a file or a pipe go changes, not seconds.
    else if (withoutTimes(text) !== shown) json ? print(JSON.stringify(workspace)) : print(`${id}: ${text}`);
    shown = withoutTimes(text);
  };
  const ticking = live ? setInterval(show, 1_000) : undefined;
  try {
    for await (const { event } of client.eventsPatiently(pathOf(id, "events"), { signal: over.signal })) {
      if (event === "away") {
        if (live) print("");
        sayAway();
        continue;
      }
      workspace = await client.askPatiently<Workspace>("GET", pathOf(id), {}, sayAway);
      show();
      const { phase } = workspace.restart;
      if (phase === "idle" || phase === "failed") break;
    }
  } finally {
    over.abort();
    clearInterval(ticking);
    if (live) print("");
  }
  const { phase, lastCycle } = workspace?.restart ?? {};
  if (phase === "failed") throw new Failure(EXIT.refused, `the restart failed: ${oneLine(lastCycle?.error ?? "")}`);
}

/** Only to tell the latest time: without it, the rest is told. */
async function policyOf(client: Client, id: string): Promise<Policy | undefined> {
  return client.ask<Policy>("GET", pathOf(id, "policy")).catch(() => undefined);
}

function withoutTimes(text: string): string {
  return text.replace(/\d+ (s|min|h)\b/g, "");
}
