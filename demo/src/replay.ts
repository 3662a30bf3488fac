/** Sends the trace's entries at their times, as an editor would: a file's next write waits for the one before. */
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Policy } from "@restart-coordinator/debounce";
import { type Answered, type Client, UnansweredError } from "./client.ts";
import type { Receipt, WriteFact } from "./facts.ts";
import type { Trace, TraceEntry } from "./trace.ts";

export interface ReplayOptions {
  readonly trace: Trace;
  readonly speed: number;
  readonly policy: Policy;
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Called right before the entry of this number is sent. */
  readonly beforeSend: (number: number) => void;
  /** `unanswered`: the replicas that were asked and did not answer. */
  readonly onDone: (write: WriteFact, unanswered: readonly string[]) => void;
}

/** Resolves when every entry was acknowledged or has failed. Rejects when the signal fires. */
export async function replay(options: ReplayOptions): Promise<WriteFact[]> {
  const { trace, speed, signal } = options;
  const begin = performance.now();
  const lastOfFile = new Map<string, Promise<unknown>>();
  const writes: Promise<WriteFact>[] = [];
  for (const [i, entry] of trace.entries.entries()) {
    await sleep(Math.max(0, begin + entry.offsetMs / speed - performance.now()), undefined, { signal });
    const file = `${entry.workspace}/${entry.detail}`;
    const before = entry.source === FILE_WRITE ? lastOfFile.get(file) : undefined;
    const write = (async () => {
      await before;
      return sendEntry(entry, i + 1, options);
    })();
    lastOfFile.set(file, write);
    writes.push(write);
  }
  return Promise.all(writes);
}

const FILE_WRITE = "file-write";

async function sendEntry(entry: TraceEntry, number: number, options: ReplayOptions): Promise<WriteFact> {
  const { client, policy, onDone, beforeSend, trace } = options;
  const isFile = entry.source === FILE_WRITE;
  const content = `${entry.detail}: write ${number} of ${trace.entries.length}, ${randomUUID()}\n`;
  beforeSend(number);
  const facts = {
    number,
    ...{ workspace: entry.workspace, source: entry.source, detail: entry.detail },
    isProbe: policy.sources[entry.source]?.automatic === true,
    sha256: isFile ? createHash("sha256").update(content).digest("hex") : undefined,
    sentAt: Date.now(),
  };
  let outcome: Pick<WriteFact, "ackedAt" | "failure" | "attempts" | "replica" | "receipt">;
  let unanswered: readonly string[] = [];
  try {
    const answer = await (isFile ? writeFile(client, entry, content) : trigger(client, entry));
    unanswered = answer.unanswered;
    outcome = outcomeOf(answer);
  } catch (error) {
    if (!(error instanceof UnansweredError)) throw error;
    const { message: failure, attempts } = error;
    outcome = { ackedAt: undefined, failure, attempts, replica: undefined, receipt: undefined };
  }
  const write = { ...facts, ...outcome };
  onDone(write, unanswered);
  return write;
}

function writeFile(client: Client, { workspace, detail }: TraceEntry, content: string): Promise<Answered> {
  const path = detail.split("/").map(encodeURIComponent).join("/");
  return client.send({ method: "PUT", path: `/workspaces/${workspace}/files/${path}`, body: content });
}

function trigger(client: Client, { workspace, source, detail }: TraceEntry): Promise<Answered> {
  return client.send({
    method: "POST",
    path: `/workspaces/${workspace}/triggers`,
    // The same key when it is tried again: it counts once.
    headers: { "content-type": "application/json", "idempotency-key": randomUUID() },
    body: JSON.stringify({ source, reason: detail }),
  });
}

function outcomeOf({ status, text, attempts, replica }: Answered) {
  if (status >= 400) {
    const failure = `${replica} answered ${status}: ${text.slice(0, 300)}`;
    return { ackedAt: undefined, failure, attempts, replica, receipt: undefined };
  }
  const body = JSON.parse(text) as Receipt & { restart?: Receipt };
  const { decision, rule, generation } = body.restart ?? body;
  return { ackedAt: Date.now(), failure: undefined, attempts, replica, receipt: { decision, rule, generation } };
}
