/**
 * Who belongs to whom. A workspace's entry names its parent, and that alone counts; the parent's list of children is only
 * where to look. A paused ancestor is marked on each descendant's own entry, for a script reads only its own slot.
 */
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { Installation } from "../installation/installation.ts";
import type { KeySpace } from "../keys.ts";
import { type Hint, hintOf } from "../transitions/hint.ts";
import type { Transitions } from "../transitions/transitions.ts";

const DEEPEST = 64;

export class Family {
  readonly #redis: Redis | Cluster;
  readonly #keys: KeySpace;
  readonly #transitions: Transitions;
  readonly #hint: (hint: Hint) => void;

  constructor({ redis, keys, transitions }: Installation, hint: (hint: Hint) => void) {
    this.#redis = redis;
    this.#keys = keys;
    this.#transitions = transitions;
    this.#hint = hint;
  }

  /** Registered children, by id. */
  async children(id: string): Promise<string[]> {
    const candidates = await asked(() => this.#redis.smembers(this.#keys.forWorkspace("children", id)));
    const entries = await Promise.all(
      candidates.map(async (child) => ({ child, view: await this.#transitions.view(child) })),
    );
    return entries
      .filter(({ view }) => view.workspace.parentId === id)
      .map(({ child }) => child)
      .sort();
  }

  /** Children, their children, and so on; parents come before their children. */
  async descendants(id: string): Promise<string[]> {
    const found = new Set<string>();
    let level = [id];
    for (let depth = 0; level.length > 0 && depth < DEEPEST; depth += 1) {
      const next: string[] = [];
      for (const parent of level) {
        for (const child of await this.children(parent)) {
          if (child === id || found.has(child)) continue;
          found.add(child);
          next.push(child);
        }
      }
      level = next;
    }
    return [...found];
  }

  /** The parent, its parent, and so on; undefined when `id` is not registered or being removed. */
  async ancestry(id: string): Promise<string[] | undefined> {
    const line: string[] = [];
    let current: string | undefined = id;
    while (current !== undefined && line.length < DEEPEST) {
      const { workspace } = await this.#transitions.view(current);
      const isGone = workspace.desired === undefined || workspace.desired === "removed";
      if (isGone) return line.length === 0 ? undefined : line;
      line.push(current);
      current = workspace.parentId;
    }
    return line;
  }

  /** To be called before the child's entry names the parent. */
  async expect(parentId: string, child: string): Promise<void> {
    await asked(() => this.#redis.sadd(this.#keys.forWorkspace("children", parentId), child));
  }

  /** To be called after the entry has named its parent: a pause that came in between has seen the child, or is seen here. */
  async settle(id: string, parentId: string | undefined): Promise<void> {
    const parent = parentId === undefined ? undefined : (await this.#transitions.view(parentId)).workspace;
    await this.#mark({ id, paused: parent !== undefined && isPaused(parent) });
    await this.markDescendants(id);
  }

  /** Tells every descendant whether it has a paused ancestor. */
  async markDescendants(id: string, depth = 0): Promise<void> {
    if (depth > DEEPEST) return;
    const { workspace } = await this.#transitions.view(id);
    for (const child of await this.children(id)) {
      await this.#mark({ id: child, paused: isPaused(workspace) });
      await this.markDescendants(child, depth + 1);
    }
  }

  /** Takes a workspace that goes out of its family: its children have no parent then, and no paused ancestor. */
  async leave(id: string): Promise<void> {
    for (const orphan of await this.children(id)) {
      await this.#mark({ id: orphan, paused: false, orphanOf: id });
      await this.markDescendants(orphan);
    }
    const { parentId } = (await this.#transitions.view(id)).workspace;
    if (parentId !== undefined) await asked(() => this.#redis.srem(this.#keys.forWorkspace("children", parentId), id));
    await asked(() => this.#redis.del(this.#keys.forWorkspace("children", id)));
  }

  async #mark(call: { id: string; paused: boolean; orphanOf?: string }): Promise<void> {
    const reply = await this.#transitions.markParent(call);
    // What was owed meanwhile may be due.
    const hint = reply.kind === "marked" ? hintOf(call.id, reply) : undefined;
    if (hint !== undefined) this.#hint(hint);
  }
}

function isPaused(workspace: Readonly<Record<string, string>>): boolean {
  return workspace.desired === "paused" || workspace.parentPaused !== undefined;
}
