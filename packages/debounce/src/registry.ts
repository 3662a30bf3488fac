/** The list of workspaces: what they are called, how they are run, who belongs to whom, and what they shall be. */
import type { Cluster, Redis } from "ioredis";
import { fromRedis } from "./errors.ts";
import type { Hint } from "./hint.ts";
import type { KeySpace } from "./keys.ts";
import type { Snapshot } from "./transition-types.ts";
import type { Transitions } from "./transitions.ts";
import type { Desire } from "./vocabulary.ts";
import { describeWorkspace, type WorkspaceState } from "./workspace-state.ts";

/** What a PUT may set. A field that is left out stays as it is; null removes it. */
export interface WorkspaceEntry {
  readonly name?: string | null | undefined;
  /** "external" = the platform does not run it, so there is nothing to restart. Anything else is the platform's own. */
  readonly runtime?: string | null | undefined;
  readonly parentId?: string | null | undefined;
  readonly tags?: Readonly<Record<string, string>> | null | undefined;
  /** The provisioner's options for this workspace. */
  readonly spec?: Readonly<Record<string, unknown>> | null | undefined;
}

export type RegisterResult =
  | { readonly kind: "created" | "updated" | "removing" }
  | { readonly kind: "unknown-parent" | "parent-loop"; readonly parentId: string };

export type DesireResult =
  | { readonly kind: "accepted" | "unchanged"; readonly generation: number }
  | { readonly kind: "unknown" | "removing" };

export interface WorkspacePage {
  readonly workspaces: readonly WorkspaceState[];
  /** Pass it to get what comes after; undefined at the end. */
  readonly nextCursor: string | undefined;
}

const DEEPEST_FAMILY = 64;

export class Registry {
  readonly #redis: Redis | Cluster;
  readonly #keys: KeySpace;
  readonly #transitions: Transitions;
  readonly #hint: (hint: Hint) => void;

  constructor(redis: Redis | Cluster, keys: KeySpace, transitions: Transitions, hint: (hint: Hint) => void) {
    this.#redis = redis;
    this.#keys = keys;
    this.#transitions = transitions;
    this.#hint = hint;
  }

  /** Creates or updates an entry. Ids are checked by the caller (`assertWorkspaceId`). */
  async register(id: string, entry: WorkspaceEntry): Promise<RegisterResult> {
    const fields: Record<string, string> = {};
    for (const [field, value] of Object.entries(entry)) {
      if (value === undefined) continue;
      fields[field] = value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
    }
    const parentId = entry.parentId ?? undefined;
    if (parentId !== undefined) {
      const ancestry = await this.#ancestry(parentId);
      if (ancestry === undefined) return { kind: "unknown-parent", parentId };
      if (parentId === id || ancestry.includes(id)) return { kind: "parent-loop", parentId };
      // The parent's list is only where to look: a child counts when its own entry names the parent.
      await this.#ask((redis) => redis.sadd(this.#keys.forWorkspace("children", parentId), id));
    }
    const kind = await this.#transitions.register({ id, fields });
    if (entry.parentId !== undefined && kind !== "removing") {
      // Asked after the entry names its parent: a pause that came in between has seen the child, or is seen here.
      const parent = parentId === undefined ? undefined : (await this.#transitions.view(parentId)).workspace;
      await this.#transitions.markParent({ id, paused: parent !== undefined && isPaused(parent) });
      await this.#markDescendants(id);
    }
    return { kind };
  }

  /** Registered children, by id. */
  async children(id: string): Promise<string[]> {
    const candidates = await this.#ask((redis) => redis.smembers(this.#keys.forWorkspace("children", id)));
    const entries = await Promise.all(
      candidates.map(async (child) => ({ child, view: await this.#transitions.view(child) })),
    );
    return entries
      .filter(({ view }) => view.workspace.parentId === id)
      .map(({ child }) => child)
      .sort();
  }

  /**
   * Sets what a workspace shall be; a cycle carries it out. Pausing refuses its restarts and its descendants' from here
   * on. Resolves when the descendants are marked, too; calling it again after a failure completes it.
   */
  async desire(id: string, desired: Desire, by: { actor: string; reason?: string }): Promise<DesireResult> {
    const reply = await this.#transitions.desire({ id, desired, ...by });
    if (!("generation" in reply)) return { kind: reply.kind };
    if (desired !== "removed") await this.#markDescendants(id);
    if (reply.kind === "accepted")
      this.#hint({ workspaceId: id, dueAt: reply.generation, delayMs: 0, hintId: reply.hintId });
    return { kind: reply.kind, generation: reply.generation };
  }

  /** Forgets a workspace without stopping what runs. */
  async forget(id: string, by: { actor: string }, sources: readonly string[]): Promise<"forgotten" | "unknown"> {
    const orphans = await this.children(id);
    await this.deleteTraces(id, sources);
    const told = await this.#transitions.forget({ id, ...by });
    // Nobody could take the mark of a paused parent away any more.
    for (const orphan of orphans) {
      await this.#transitions.markParent({ id: orphan, paused: false });
      await this.#markDescendants(orphan);
    }
    return told;
  }

  /** Deletes the keys that the script which forgets a workspace cannot name: its windows, its place in the family. */
  async deleteTraces(id: string, sources: readonly string[]): Promise<void> {
    const { parentId } = (await this.#transitions.view(id)).workspace;
    if (parentId !== undefined)
      await this.#ask((redis) => redis.srem(this.#keys.forWorkspace("children", parentId), id));
    const own = [this.#keys.forWorkspace("children", id), ...sources.map((source) => this.#keys.window(source, id))];
    await this.#ask((redis) => redis.del(...own));
  }

  /** What is recorded of every workspace, read one by one. */
  async *snapshots(): AsyncGenerator<{ id: string; snapshot: Snapshot }> {
    for (let cursor: string | undefined, more = true; more; ) {
      const { ids, nextCursor } = await this.#page({ cursor, limit: 100 });
      for (const id of ids) yield { id, snapshot: await this.#transitions.view(id) };
      cursor = nextCursor;
      more = nextCursor !== undefined;
    }
  }

  /** The tags of a workspace; none when it is not registered. */
  async tags(id: string): Promise<Readonly<Record<string, string>>> {
    const json = await this.#ask((redis) => redis.hget(this.#keys.forWorkspace("workspace", id), "tags"));
    return json === null ? {} : (JSON.parse(json) as Record<string, string>);
  }

  /** A page of workspaces in the order of their ids, after `cursor` (an id). */
  async list(options: { cursor?: string | undefined; limit: number }): Promise<WorkspacePage> {
    const { ids, nextCursor } = await this.#page(options);
    const views = await Promise.all(ids.map(async (id) => ({ id, view: await this.#transitions.view(id) })));
    return {
      workspaces: views
        .filter(({ view }) => view.workspace.desired !== undefined)
        .map(({ id, view }) => describeWorkspace(id, view)),
      nextCursor,
    };
  }

  async #page(options: { cursor?: string | undefined; limit: number }) {
    const after = options.cursor === undefined ? "-" : `(${options.cursor}`;
    const perShard = await Promise.all(
      Array.from({ length: this.#keys.shards }, (_, shard) =>
        this.#ask((redis) =>
          redis.zrangebylex(this.#keys.forShard("workspaces", shard), after, "+", "LIMIT", 0, options.limit + 1),
        ),
      ),
    );
    const ids = perShard.flat().sort(byBytes);
    const page = ids.slice(0, options.limit);
    return { ids: page, nextCursor: ids.length > page.length ? page.at(-1) : undefined };
  }

  /** The parent, its parent, and so on; undefined when `id` is not registered or being removed. */
  async #ancestry(id: string): Promise<string[] | undefined> {
    const line: string[] = [];
    let current: string | undefined = id;
    while (current !== undefined && line.length < DEEPEST_FAMILY) {
      const { workspace } = await this.#transitions.view(current);
      const isGone = workspace.desired === undefined || workspace.desired === "removed";
      if (isGone) return line.length === 0 ? undefined : line;
      line.push(current);
      current = workspace.parentId;
    }
    return line;
  }

  async #markDescendants(id: string, depth = 0): Promise<void> {
    if (depth > DEEPEST_FAMILY) return;
    const { workspace } = await this.#transitions.view(id);
    for (const child of await this.children(id)) {
      await this.#transitions.markParent({ id: child, paused: isPaused(workspace) });
      await this.#markDescendants(child, depth + 1);
    }
  }

  async #ask<Result>(command: (redis: Redis | Cluster) => Promise<Result>): Promise<Result> {
    try {
      return await command(this.#redis);
    } catch (error) {
      throw fromRedis(error);
    }
  }
}

function isPaused(workspace: Readonly<Record<string, string>>): boolean {
  return workspace.desired === "paused" || workspace.parentPaused !== undefined;
}

/** Redis orders members by bytes; ids are ASCII. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
