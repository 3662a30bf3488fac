/** The list of workspaces: what they are called, how they are run, who belongs to whom, and what they shall be. */
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { needFields, needKind, needOneOf, needText, needWhole } from "../checks.ts";
import { changedFields, digestsOf, type Spec, type UsedSpec } from "../drift/spec-fields.ts";
import type { Installation } from "../installation/installation.ts";
import type { KeySpace } from "../keys.ts";
import { factsOf, policyFor } from "../policy/policy-set.ts";
import { type Hint, hintOf } from "../transitions/hint.ts";
import type { Transitions } from "../transitions/transitions.ts";
import type { Snapshot } from "../transitions/types.ts";
import { DESIRES, type Desire, type Refusal } from "../vocabulary.ts";
import { assertWorkspaceId } from "../workspace-id.ts";
import { Family } from "./family.ts";
import { describeWorkspace, type WorkspaceState } from "./workspace-state.ts";

const MOST_PER_PAGE = 10_000;

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
  | { readonly kind: "created" | "removing" }
  /** `drift`: the fields in which what runs differs from the new spec. */
  | { readonly kind: "updated"; readonly drift: readonly string[] }
  | { readonly kind: "unknown-parent" | "parent-loop"; readonly parentId: string };

export interface RegisterOptions {
  /** A changed spec owes a restart, where something runs; otherwise it is only told that it differs. Default true. */
  readonly restart?: boolean | undefined;
}

export type DesireResult =
  | {
      readonly kind: "accepted" | "unchanged";
      readonly generation: number;
      /** The rule that keeps a start waiting: it begins by itself once that is over. */
      readonly waitsFor?: Refusal | undefined;
      /** What became of each descendant, parents first; only with `cascade`. */
      readonly descendants?: readonly CascadeResult[];
    }
  /** It is neither what was asked for nor `from`. */
  | { readonly kind: "mismatch"; readonly desired: Desire }
  | { readonly kind: "unknown" | "removing" };

/** "failed": it is as it was; asking again completes it. */
export interface CascadeResult {
  readonly id: string;
  readonly kind: "accepted" | "unchanged" | "unknown" | "removing" | "failed";
}

export interface DesireRequest {
  readonly actor: string;
  readonly reason?: string | undefined;
  /** What it must be now, for it to change. */
  readonly from?: Desire | undefined;
  /**
   * A pause stops every descendant that shall run, too, each by its own cycle, and a start brings back those which the
   * pause of this workspace took along, and no others.
   */
  readonly cascade?: boolean | undefined;
}

export interface WorkspacePage {
  readonly workspaces: readonly WorkspaceState[];
  /** Pass it to get what comes after; undefined at the end. */
  readonly nextCursor: string | undefined;
}

export class Registry {
  readonly #installation: Installation;
  readonly #redis: Redis | Cluster;
  readonly #keys: KeySpace;
  readonly #transitions: Transitions;
  readonly #family: Family;
  readonly #hint: (hint: Hint) => void;

  constructor(installation: Installation, hint: (hint: Hint) => void) {
    const { redis, keys, transitions } = installation;
    this.#installation = installation;
    this.#redis = redis;
    this.#keys = keys;
    this.#transitions = transitions;
    this.#family = new Family(installation, hint);
    this.#hint = hint;
  }

  /** Undefined when the workspace is not registered. @throws InvalidWorkspaceIdError, CoordinatorUnavailableError */
  async get(id: string): Promise<WorkspaceState | undefined> {
    assertWorkspaceId(id);
    const snapshot = await this.#transitions.view(id);
    return snapshot.workspace.desired === undefined ? undefined : this.#describe(id, snapshot);
  }

  /**
   * Creates or updates an entry. A changed spec is recorded as drift; `RestartCoordinator.register` asks for the restart, too.
   *
   * @throws InvalidArgumentError, InvalidWorkspaceIdError, CoordinatorUnavailableError
   */
  async register(id: string, entry: WorkspaceEntry, { restart = true }: RegisterOptions = {}): Promise<RegisterResult> {
    assertWorkspaceId(id);
    checkEntry(entry);
    needKind("restart", restart, "boolean");
    const fields: Record<string, string> = {};
    for (const [field, value] of Object.entries(entry)) {
      if (value === undefined) continue;
      fields[field] = value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
    }
    const parentId = entry.parentId ?? undefined;
    if (parentId !== undefined) {
      const ancestry = await this.#family.ancestry(parentId);
      if (ancestry === undefined) return { kind: "unknown-parent", parentId };
      if (parentId === id || ancestry.includes(id)) return { kind: "parent-loop", parentId };
      await this.#family.expect(parentId, id);
    }
    const drift = entry.spec === undefined ? undefined : await this.#driftOf(id, entry.spec ?? {});
    const reply = await this.#transitions.register({ id, fields, drift, restart });
    if (entry.parentId !== undefined && reply.kind !== "removing") await this.#family.settle(id, parentId);
    // Not before a new parent's pause is marked.
    const hint = reply.kind === "updated" ? hintOf(id, reply) : undefined;
    if (hint !== undefined) this.#hint(hint);
    return reply.kind === "updated" ? { kind: "updated", drift: drift ?? [] } : { kind: reply.kind };
  }

  /** Undefined where nothing is known of what runs. */
  async #driftOf(id: string, spec: Spec): Promise<readonly string[] | undefined> {
    const json = await asked(() => this.#redis.hget(this.#keys.forWorkspace("workspace", id), "specUsed"));
    return json === null ? undefined : changedFields((JSON.parse(json) as UsedSpec).spec, digestsOf(id, spec));
  }

  /** Registered children, by id. */
  children(id: string): Promise<string[]> {
    return this.#family.children(id);
  }

  /** Children, their children, and so on. */
  descendants(id: string): Promise<string[]> {
    return this.#family.descendants(id);
  }

  /**
   * Sets what a workspace shall be; a cycle carries it out. Pausing refuses its restarts and its descendants' from here
   * on. Resolves when the descendants are marked, too; calling it again after a failure completes it. Started under a
   * paused ancestor it waits for that one.
   *
   * @throws InvalidArgumentError, InvalidWorkspaceIdError, CoordinatorUnavailableError
   */
  async desire(id: string, desired: Desire, request: DesireRequest): Promise<DesireResult> {
    assertWorkspaceId(id);
    needOneOf("desired", desired, DESIRES);
    checkDesireRequest(request);
    const { cascade = false, ...by } = request;
    const reply = await this.#transitions.desire({ id, desired, ...by });
    if (!("generation" in reply)) return reply;
    if (desired !== "removed") await this.#family.markDescendants(id);
    const result: DesireResult = { kind: reply.kind, generation: reply.generation };
    const waits = reply.kind === "accepted" && reply.waitsFor !== undefined ? { waitsFor: reply.waitsFor } : {};
    if (reply.kind === "accepted") this.#wake(id, reply);
    if (!cascade) return { ...result, ...waits };
    const descendants: CascadeResult[] = [];
    for (const descendant of await this.#family.descendants(id)) {
      descendants.push({ id: descendant, kind: await this.#takeAlong(descendant, desired, id, request) });
    }
    // Who was brought back keeps its own descendants from starting no more.
    await this.#family.markDescendants(id);
    return { ...result, ...waits, descendants };
  }

  /** One script each: what fails is told, and does not keep the others. */
  async #takeAlong(
    id: string,
    desired: Desire,
    cascadeFrom: string,
    { actor, reason }: DesireRequest,
  ): Promise<CascadeResult["kind"]> {
    try {
      const reply = await this.#transitions.desire({ id, desired, cascadeFrom, actor, reason });
      if (reply.kind === "accepted") this.#wake(id, reply);
      return reply.kind === "mismatch" ? "unchanged" : reply.kind;
    } catch {
      return "failed";
    }
  }

  #wake(workspaceId: string, { generation, hintId }: { generation: number; hintId: string }): void {
    this.#hint({ workspaceId, dueAt: generation, delayMs: 0, hintId });
  }

  /** Forgets a workspace without stopping what runs. Its children have no parent then. */
  async forget(id: string, by: { actor: string }): Promise<"forgotten" | "unknown"> {
    needText("actor", by.actor);
    await this.deleteTraces(id);
    return this.#transitions.forget({ id, ...by });
  }

  /** Deletes the keys that the script which forgets a workspace cannot name: its windows, its place in the family. */
  async deleteTraces(id: string): Promise<void> {
    assertWorkspaceId(id);
    const sources = Object.keys(this.#installation.policies.common.sources);
    await this.#family.leave(id);
    const windows = sources.map((source) => this.#keys.window(source, id));
    if (windows.length > 0) await asked(() => this.#redis.del(...windows));
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

  /** What a workspace shall be; undefined when it is not registered. One field, where its whole state would be described. */
  async desired(id: string): Promise<Desire | undefined> {
    const desired = await asked(() => this.#redis.hget(this.#keys.forWorkspace("workspace", id), "desired"));
    return (desired as Desire | null) ?? undefined;
  }

  /** The tags of a workspace; none when it is not registered. */
  async tags(id: string): Promise<Readonly<Record<string, string>>> {
    const json = await asked(() => this.#redis.hget(this.#keys.forWorkspace("workspace", id), "tags"));
    return json === null ? {} : (JSON.parse(json) as Record<string, string>);
  }

  /** A page of workspaces in the order of their ids, after `cursor` (an id). */
  async list(options: { cursor?: string | undefined; limit: number }): Promise<WorkspacePage> {
    needWhole("limit", options.limit, 1, MOST_PER_PAGE);
    needKind("cursor", options.cursor, "string");
    const { ids, nextCursor } = await this.#page(options);
    const views = await Promise.all(ids.map(async (id) => ({ id, view: await this.#transitions.view(id) })));
    return {
      workspaces: views
        .filter(({ view }) => view.workspace.desired !== undefined)
        .map(({ id, view }) => this.#describe(id, view)),
      nextCursor,
    };
  }

  #describe(id: string, snapshot: Snapshot): WorkspaceState {
    const { quietHours } = policyFor(this.#installation.policies, factsOf(id, snapshot.workspace));
    return describeWorkspace(id, snapshot, quietHours);
  }

  async #page(options: { cursor?: string | undefined; limit: number }) {
    const after = options.cursor === undefined ? "-" : `(${options.cursor}`;
    const perShard = await Promise.all(
      Array.from({ length: this.#keys.shards }, (_, shard) =>
        asked(() =>
          this.#redis.zrangebylex(this.#keys.forShard("workspaces", shard), after, "+", "LIMIT", 0, options.limit + 1),
        ),
      ),
    );
    const ids = perShard.flat().sort(byBytes);
    const page = ids.slice(0, options.limit);
    return { ids: page, nextCursor: ids.length > page.length ? page.at(-1) : undefined };
  }
}

/** Redis orders members by bytes; ids are ASCII. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @throws InvalidArgumentError */
function checkEntry(entry: WorkspaceEntry): void {
  needFields("the entry of a workspace", entry, ["name", "runtime", "parentId", "tags", "spec"]);
  needKind("name", entry.name ?? undefined, "string");
  needKind("runtime", entry.runtime ?? undefined, "string");
  needKind("tags", entry.tags ?? undefined, "object");
  needKind("spec", entry.spec ?? undefined, "object");
  for (const [tag, value] of Object.entries(entry.tags ?? {})) needKind(`tags.${tag}`, value ?? null, "string");
  if (entry.parentId !== undefined && entry.parentId !== null) assertWorkspaceId(entry.parentId);
}

/** @throws InvalidArgumentError */
function checkDesireRequest(request: DesireRequest): void {
  needFields("the request", request, ["actor", "reason", "from", "cascade"]);
  needText("actor", request.actor);
  needKind("reason", request.reason, "string");
  needKind("cascade", request.cascade, "boolean");
  if (request.from !== undefined) needOneOf("from", request.from, DESIRES);
}
