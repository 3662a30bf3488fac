/**
 * A line for each workspace of the fleet, kept true by events: what an event says is shown at once, and those it was about are
 * looked at again, many at a time, the ones in view first.
 */
import { signal } from "@preact/signals";
import { get } from "./api.ts";
import type { Line, Phase, RestartEvent } from "./types.ts";

interface Page {
  readonly workspaces: readonly Line[];
  readonly nextCursor: string | null;
}

const PAGE = 1_000;
const LOOKED_AT_TOGETHER = 100;
const SHOW_EVERY_MS = 250;
const LOOK_EVERY_MS = 1_000;

export class FleetLines {
  /** Exchanged as a whole, at most four times a second. */
  readonly all = signal<readonly Line[]>([]);
  readonly isComplete = signal(false);
  readonly #lines = new Map<string, Line>();
  readonly #dirty = new Set<string>();
  #inView: readonly string[] = [];
  #isChanged = false;
  #timers: ReturnType<typeof setInterval>[] = [];

  start(): void {
    this.#timers = [
      setInterval(() => this.#show(), SHOW_EVERY_MS),
      setInterval(() => void (document.hidden || this.#lookAgain().catch(() => {})), LOOK_EVERY_MS),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** @throws AskError */
  async load(): Promise<void> {
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page = await get<Page>(`/fleet/workspaces?limit=${PAGE}${after}`);
      for (const line of page.workspaces) {
        seen.add(line.id);
        this.#lines.set(line.id, line);
      }
      this.#isChanged = true;
      this.#show();
      cursor = page.nextCursor;
    } while (cursor !== null);
    for (const id of this.#lines.keys()) if (!seen.has(id) && !this.#dirty.has(id)) this.#lines.delete(id);
    this.#isChanged = true;
    this.#show();
    this.isComplete.value = true;
  }

  take(event: RestartEvent): void {
    const { workspace_id: id } = event;
    if (id === "" || event.event.startsWith("ROLLOUT_")) return;
    this.#dirty.add(id);
    const line = this.#lines.get(id);
    if (event.event === "WORKSPACE_REMOVED") this.#lines.delete(id);
    else if (line !== undefined) this.#lines.set(id, after(line, event));
    this.#isChanged = true;
  }

  /** Those are looked at first. */
  inView(ids: readonly string[]): void {
    this.#inView = ids;
  }

  #show(): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    this.all.value = [...this.#lines.values()];
  }

  async #lookAgain(): Promise<void> {
    if (this.#dirty.size === 0) return;
    const first = this.#inView.filter((id) => this.#dirty.has(id));
    const ids = [...new Set([...first, ...this.#dirty])].slice(0, LOOKED_AT_TOGETHER);
    for (const id of ids) this.#dirty.delete(id);
    const { workspaces } = await get<Page>(`/fleet/workspaces?ids=${ids.map(encodeURIComponent).join(",")}`);
    for (const line of workspaces) this.#lines.set(line.id, line);
    const found = new Set(workspaces.map(({ id }) => id));
    for (const id of ids) if (!found.has(id)) this.#lines.delete(id);
    this.#isChanged = true;
  }
}

/** What is known from the event alone, until it is looked at. */
function after(line: Line, { event, timestamp, payload }: RestartEvent): Line {
  const scheduled = (dueAt: string | undefined): Line => ({ ...line, phase: "scheduled", dueAt: dueAt ?? line.dueAt });
  switch (event) {
    case "WORKSPACE_AUTO_RESTART_FIRED":
    case "WORKSPACE_PROVISIONING":
      return { ...line, phase: "running", startedAt: timestamp, owed: 0, owedSince: null, dueAt: null, sources: [] };
    case "WORKSPACE_RESTART_COALESCED": {
      const owed = { owed: Math.max(1, line.owed), owedSince: line.owedSince ?? timestamp };
      return { ...(line.phase === "idle" ? scheduled(payload.dueAt) : line), ...owed };
    }
    case "WORKSPACE_ONLINE":
    case "WORKSPACE_OFFLINE": {
      const phase: Phase = payload.nextDueAt === undefined ? "idle" : "scheduled";
      const status = event === "WORKSPACE_ONLINE" ? "online" : line.status;
      return { ...line, phase, status, dueAt: payload.nextDueAt ?? null, startedAt: null };
    }
    case "WORKSPACE_RESTART_FAILED":
      return {
        ...line,
        phase: payload.retryAt === undefined ? "failed" : "backoff",
        dueAt: payload.retryAt ?? null,
        startedAt: null,
      };
    case "WORKSPACE_HELD":
      return { ...line, heldUntil: payload.heldUntil ?? null, phase: line.phase === "running" ? "running" : "held" };
    case "WORKSPACE_RESTART_LOOP":
      return { ...line, looping: true };
    default:
      return line;
  }
}
