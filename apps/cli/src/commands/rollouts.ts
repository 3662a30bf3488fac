import { Command } from "commander";
import type { Client } from "../client.ts";
import { duration, wholeNumber } from "../duration.ts";
import { EXIT, Failure } from "../exit-codes.ts";
import { oneLine, print, printJson, sayAway, table } from "../output.ts";
import { clock } from "../phrases.ts";
import { isOver, type Member, type Rollout, summary } from "../rollout.ts";
import { canary, isNone, keyValue, neverOr } from "../rollout-flags.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface CreateFlags extends Settings {
  readonly ids?: string;
  readonly tag?: Readonly<Record<string, string>>;
  readonly runtime?: string;
  readonly status?: string;
  readonly all?: true;
  readonly source?: string;
  readonly reason?: string;
  readonly maxConcurrent?: number;
  readonly splay?: number;
  readonly canary?: { count: number } | { percent: number };
  readonly pauseOnFailure?: number | null;
  readonly maxFailures?: number;
  readonly maxDuration?: number;
  readonly idempotencyKey?: string;
  readonly follow?: true;
}

interface ShowFlags extends Settings {
  readonly members?: string;
  readonly follow?: true;
}

export function rolloutsCommand(): Command {
  const group = new Command("rollouts").description("Restart many workspaces, some at a time");
  for (const command of [createCommand(), listCommand(), showCommand(), ...steeringCommands()])
    group.addCommand(command);
  return group;
}

function createCommand(): Command {
  return withSettings(new Command("create"))
    .description("Begin one, of workspaces chosen by their ids or by what they are")
    .option("--ids <ids>", "these, in this order, separated by commas")
    .option("--tag <name=value>", "those with this tag; may be repeated", keyValue)
    .option("--runtime <runtime>", "those of this runtime")
    .option("--status <status>", "those in this status")
    .option("--all", "every workspace")
    .option("--source <source>", "the source of its triggers (default: manual)")
    .option("--reason <text>", "why, in a line")
    .option("--max-concurrent <number>", "so many at a time (default: 5)", wholeNumber)
    .option("--splay <duration>", "at least so much time between two starts", duration)
    .option("--canary <number or percent>", "so many first, such as 3 or 5%", canary)
    .option("--pause-on-failure <number>", "pause when so many have failed, or never (default: 1)", neverOr)
    .option("--max-failures <number>", "abort when more have failed", wholeNumber)
    .option("--max-duration <duration>", "abort when it takes longer", duration)
    .option("--idempotency-key <key>", "asking again with it begins no other")
    .option("--follow", "show how it goes on, until it is over or paused")
    .action(async (flags: CreateFlags) => {
      const client = clientOf(flags);
      const key = flags.idempotencyKey;
      const rollout = await client.ask<Rollout>("POST", "/rollouts", {
        body: requestOf(flags),
        ...(key !== undefined && { headers: { "idempotency-key": key } }),
      });
      if (flags.json && !flags.follow) printJson(rollout);
      if (rollout.counts.total === 0)
        throw new Failure(EXIT.refused, "no workspace is like that: nothing is restarted", rollout);
      if (flags.follow) return follow(client, rollout.id, flags);
      if (!flags.json) print(`${rollout.id}: ${summary(rollout)}`);
    });
}

function requestOf(flags: CreateFlags): Record<string, unknown> {
  const { ids, tag: tags, runtime, status, all, source, reason, maxConcurrent, splay: splayMs } = flags;
  const { canary: first, pauseOnFailure, maxFailures, maxDuration: maxDurationMs } = flags;
  const chosen = Object.fromEntries(
    Object.entries({ tags, runtime, status, all }).filter(([, value]) => value !== undefined),
  );
  if ((ids === undefined) === isNone(chosen)) {
    throw new Failure(EXIT.usage, "choose workspaces: either --ids, or --tag, --runtime, --status or --all");
  }
  const budget = { maxFailures, maxDurationMs };
  const request = {
    ...(ids === undefined ? { selector: chosen } : { ids: ids.split(",") }),
    ...{ source, reason, maxConcurrent, splayMs, canary: first, pauseOnFailure },
    ...(maxFailures !== undefined || maxDurationMs !== undefined ? { budget } : {}),
  };
  return JSON.parse(JSON.stringify(request)) as Record<string, unknown>;
}

function listCommand(): Command {
  return withSettings(new Command("list"))
    .description("List rollouts, newest first")
    .option("--state <state>", "only those in it")
    .option("--limit <number>", "at most so many, 200 at a time", wholeNumber, 50)
    .action(async ({ state, limit, ...settings }: Settings & { state?: string; limit: number }) => {
      type Page = { rollouts: Rollout[] };
      const page = await clientOf(settings).ask<Page>("GET", "/rollouts", { query: { state, limit } });
      if (settings.json) return printJson(page);
      const rows = page.rollouts.map((each) => [each.id, clock(each.createdAt), summary(each), each.reason ?? ""]);
      print(table(["ROLLOUT", "CREATED", "PROGRESS", "REASON"], rows));
    });
}

function showCommand(): Command {
  return withSettings(new Command("show"))
    .description("How a rollout goes on, and who failed")
    .argument("<rollout>", "its id")
    .option("--members <status>", "list those in it: waiting, running, done, failed or skipped")
    .option("--follow", "until it is over or paused")
    .action(async (id: string, flags: ShowFlags) => {
      const client = clientOf(flags);
      if (flags.follow) return follow(client, id, flags);
      const query = { status: flags.members ?? "failed", limit: 1_000 };
      type Shown = Rollout & { members: Member[] };
      const rollout = await client.ask<Shown>("GET", `/rollouts/${encodeURIComponent(id)}`, { query });
      if (flags.json) return printJson(rollout);
      print(`${rollout.id}: ${summary(rollout)}`);
      if (rollout.members.length === 0) return;
      const why = ({ error, rule, cycleId }: Member) => oneLine(error ?? rule ?? cycleId ?? "");
      print(
        table(
          ["WORKSPACE", "STATUS", "WHY"],
          rollout.members.map((each) => [each.workspaceId, each.status, why(each)]),
        ),
      );
    });
}

function steeringCommands(): Command[] {
  const verbs = {
    pause: "Begin no further workspace",
    resume: "Go on",
    abort: "End it; those under way end by themselves",
  };
  return Object.entries(verbs).map(([verb, description]) =>
    withSettings(new Command(verb))
      .description(description)
      .argument("<rollout>", "its id")
      .option("--reason <text>", "why, in a line")
      .action(async (id: string, { reason, ...settings }: Settings & { reason?: string }) => {
        const path = `/rollouts/${encodeURIComponent(id)}/${verb}`;
        const body = reason === undefined ? {} : { reason };
        const rollout = await clientOf(settings).ask<Rollout>("POST", path, { body });
        if (settings.json) printJson(rollout);
        else print(`${rollout.id}: ${summary(rollout)}`);
      }),
  );
}

const LOOK_EVERY_MS = 1_000;

async function follow(client: Client, id: string, { json }: Settings): Promise<void> {
  const live = process.stdout.isTTY === true && !json;
  let shown = "";
  for (;;) {
    const path = `/rollouts/${encodeURIComponent(id)}`;
    const rollout = await client.askPatiently<Rollout>("GET", path, { query: { limit: 0 } }, sayAway);
    const text = summary(rollout);
    if (live) process.stdout.write(`\r\u001b[2K${id}: ${text}`);
    else if (text !== shown) print(json ? JSON.stringify(rollout) : `${id}: ${text}`);
    shown = text;
    if (isOver(rollout)) {
      if (live) print("");
      if (rollout.state === "finished" && rollout.counts.failed === 0) return;
      throw new Failure(EXIT.refused, `rollout ${id} is ${rollout.state}, ${rollout.counts.failed} failed`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
