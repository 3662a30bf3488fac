import { type Event, pathOf } from "./answers.ts";
import type { Client } from "./client.ts";
import { oneLine, print } from "./output.ts";
import { clock, span } from "./phrases.ts";

interface Page {
  readonly activity: readonly Event[];
}

/** Tells each attempt at a restart, its error, the next try and how long it took, while somebody waits for it. */
export class Attempts {
  readonly #client: Client;
  readonly #workspaceId: string;
  #toldUntil: string | undefined;

  constructor(client: Client, workspaceId: string) {
    this.#client = client;
    this.#workspaceId = workspaceId;
  }

  /** What was before is not told. @throws Failure */
  async skip(): Promise<void> {
    this.#toldUntil = (await this.#newestFirst())[0]?.id;
  }

  /** Prints what is new. @throws Failure */
  async tell(): Promise<void> {
    const newestFirst = await this.#newestFirst();
    const known = newestFirst.findIndex(({ id }) => id === this.#toldUntil);
    const fresh = known === -1 ? newestFirst : newestFirst.slice(0, known);
    this.#toldUntil = newestFirst[0]?.id ?? this.#toldUntil;
    for (const line of fresh.toReversed().flatMap(attemptLine)) print(line);
  }

  async #newestFirst(): Promise<readonly Event[]> {
    const path = pathOf(this.#workspaceId, "activity");
    const page = await this.#client.askPatiently<Page>("GET", path, { query: { limit: 50 } }, () => {});
    return page.activity;
  }
}

function attemptLine({ event, payload }: Event): string[] {
  const { attempt, durationMs, error, retryAt } = payload as Partial<Record<string, string | number>>;
  const took = span(Number(durationMs));
  if (event === "WORKSPACE_PROVISIONING") return [`attempt ${attempt} begins`];
  if (event === "WORKSPACE_ONLINE") return [`attempt ${attempt} took ${took}`];
  if (event !== "WORKSPACE_RESTART_FAILED" && event !== "WORKSPACE_RESTART_DECLINED") return [];
  const next = retryAt === undefined ? "" : `; the next try is at ${clock(retryAt)}`;
  const how = event === "WORKSPACE_RESTART_FAILED" ? "failed" : "was declined";
  return [oneLine(`attempt ${attempt} ${how} after ${took}: ${error ?? "no reason given"}${next}`)];
}
