import { Command } from "commander";
import { pathOf, type Receipt, type TriggerOutcome } from "../answers.ts";
import { Attempts } from "../attempts.ts";
import type { Client } from "../client.ts";
import { duration } from "../duration.ts";
import { EXIT, Failure } from "../exit-codes.ts";
import { oneLine, print, printJson, sayAway } from "../output.ts";
import { decided } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface Flags extends Settings {
  readonly source?: string;
  readonly reason?: string;
  readonly force?: true;
  readonly idempotencyKey?: string;
  readonly wait?: number;
}

export function triggerCommands(): Command[] {
  const trigger = asking(new Command("trigger"), "Ask for a restart, by the policy of the source")
    .requiredOption("--source <source>", "what asks, such as file-write or secret-change")
    .action((id: string, flags: Flags) => ask(id, "triggers", flags, { source: flags.source }));
  const restart = asking(new Command("restart"), "Restart now, whatever the window says")
    .option("--force", "also while a hold is on")
    .action((id: string, flags: Flags) => ask(id, "restart", flags, flags.force ? { force: true } : {}));
  return [trigger, restart];
}

function asking(command: Command, description: string): Command {
  return withSettings(
    command
      .description(description)
      .argument("<workspace>", "its id")
      .option("--reason <text>", "why, in a line")
      .option("--idempotency-key <key>", "asking again with it asks nothing new")
      .option(
        "--wait <duration>",
        "wait so long for the restart that covers it; 2 when it does not come off",
        duration,
      ),
  );
}

async function ask(id: string, route: string, flags: Flags, body: Readonly<Record<string, unknown>>): Promise<void> {
  const client = clientOf(flags);
  const { reason, idempotencyKey: key, json } = flags;
  const attempts = new Attempts(client, id);
  const isTold = flags.wait !== undefined && !json;
  if (isTold) await attempts.skip();
  const receipt = await client.ask<Receipt>("POST", pathOf(id, route), {
    body: { ...body, ...(reason !== undefined && { reason }) },
    ...(key !== undefined && { headers: { "idempotency-key": key } }),
  });
  const { decision, rule, triggerId } = receipt;
  if (!json) print(decided(receipt));
  if (decision === "refused") throw new Failure(EXIT.refused, `workspace ${id} may not be restarted: ${rule}`, receipt);
  const onLook = async () => (isTold ? attempts.tell() : undefined);
  const outcome = flags.wait === undefined ? undefined : await settled(client, id, triggerId, flags.wait, onLook);
  if (json) printJson(outcome === undefined ? receipt : { receipt, outcome });
  if (outcome !== undefined) tell(outcome, flags);
}

/** The server is asked anew so often, so that people see each attempt. */
const LONGEST_WAIT_MS = 5_000;

/** Asks again until it is settled or the time is up. */
async function settled(client: Client, id: string, triggerId: string, waitMs: number, onLook: () => Promise<void>) {
  const endsAt = performance.now() + waitMs;
  for (;;) {
    const leftMs = Math.max(0, Math.round(endsAt - performance.now()));
    const wait = Math.min(leftMs, LONGEST_WAIT_MS);
    const path = pathOf(id, "triggers", triggerId);
    const asked = { query: { wait: `${wait}ms` }, timeoutMs: wait + 30_000 };
    const outcome = await client.askPatiently<TriggerOutcome>("GET", path, asked, sayAway);
    await onLook();
    const isOpen = outcome.status === "pending" || outcome.status === "running";
    if (!isOpen || performance.now() >= endsAt) return outcome;
  }
}

function tell({ status, cycleId, error, rule }: TriggerOutcome, { json }: Flags): void {
  const more = cycleId ?? error ?? rule;
  const text = more === undefined ? status : `${status} (${oneLine(more)})`;
  if (status !== "done")
    throw new Failure(EXIT.refused, `the trigger is not covered: ${text}`, { status, error, rule });
  if (!json) print(text);
}
