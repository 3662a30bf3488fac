/** Brings together what the judge goes by. */
import { Redis } from "ioredis";
import type { Evidence, FinalState, Ledger, LedgerEntry, Replay, WorkspaceRecord } from "../judge/evidence.ts";
import type { Client } from "./client.ts";
import { rules } from "./policy.ts";
import { LEDGER, type System } from "./system.ts";
import { CAST, type CastMember, isReliable } from "./workspaces.ts";

/** Of a workspace, as so many keys are kept for a day. */
const REPLAYED_PER_WORKSPACE = 20;

export async function gather(
  client: Client,
  system: Pick<System, "ledgerRedis" | "interruptions">,
  visitors: readonly CastMember[],
  { final, calmFrom }: { readonly final: ReadonlyMap<string, FinalState>; readonly calmFrom: number },
): Promise<Evidence> {
  const ledger = await readLedger(system.ledgerRedis.url);
  const workspaces = [...CAST, ...visitors].map((member): WorkspaceRecord => {
    const state = final.get(member.id);
    return { id: member.id, reliable: isReliable(member), ...(state && { final: state }) };
  });
  const requests = [...client.requests];
  const { interruptions } = system;
  return { ledger, requests, workspaces, interruptions, calmFrom, rules: rules(), replays: await replay(client) };
}

/** Asks again, with its key, for what was acknowledged: the receipt must be the first one. */
async function replay(client: Client): Promise<Replay[]> {
  const removed = new Set(
    client.requests.filter(({ verb }) => verb === "remove").map(({ workspaceId }) => workspaceId),
  );
  const counts = new Map<string, number>();
  const replays: Replay[] = [];
  for (const { call, request } of client.keyed.toReversed()) {
    const count = counts.get(call.workspaceId) ?? 0;
    // A removed workspace's receipts are gone with it.
    if (removed.has(call.workspaceId) || count >= REPLAYED_PER_WORKSPACE) continue;
    // A refusal is no promise: asked again, it is judged anew.
    if (request.answer?.receipt?.decision === "refused") continue;
    counts.set(call.workspaceId, count + 1);
    replays.push({ request, triggerIdNow: await client.replay(call) });
  }
  return replays;
}

async function readLedger(url: string): Promise<Ledger> {
  const redis = new Redis(url);
  const read = async (part: string) =>
    (await redis.lrange(`{ledger:${LEDGER}}:${part}`, 0, -1)).map((line) => JSON.parse(line) as LedgerEntry);
  try {
    return { effects: await read("entries"), refusals: await read("refusals") };
  } finally {
    redis.disconnect();
  }
}
