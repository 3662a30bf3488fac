/**
 * Every transition of a workspace as a typed call: named objects in, discriminated unions out. Nothing else reads a
 * script's reply. `now` is for tests; in production Redis' own clock decides.
 */
import type { Cluster, Redis } from "ioredis";
import { Cycling } from "./cycling.ts";
import { fromRedis } from "./errors.ts";
import type { KeyRole, KeySpace } from "./keys.ts";
import { byOf, flag } from "./script-arguments.ts";
import { optionalNumber, pairs, shadowReading, wokenOf } from "./script-replies.ts";
import { bindScripts, type KeyOf, type RunScript, type ScriptArguments, type ScriptName } from "./scripts.ts";
import type {
  BeginCall,
  BeginReply,
  Census,
  DueWorkspace,
  EndCall,
  EndReply,
  LeaseCall,
  LeaseReply,
  ShadowReading,
  Snapshot,
  TransitionSettings,
  TriggerCall,
  TriggerReply,
  Woken,
} from "./transition-types.ts";
import { Triggering } from "./triggering.ts";
import { type Desire, PHASES, type Phase, type Refusal, type Rule } from "./vocabulary.ts";

export class Transitions {
  readonly keys: KeySpace;
  readonly #script: RunScript;
  readonly #settings: TransitionSettings;
  readonly #triggering: Triggering;
  readonly #cycling: Cycling;

  constructor(redis: Redis | Cluster, keys: KeySpace, settings: TransitionSettings) {
    this.keys = keys;
    this.#settings = settings;
    this.#script = bindScripts(redis, settings.replication);
    const parts = {
      keys,
      settings,
      script: this.#script,
      answered: <Reply>(name: ScriptName, send: () => Promise<Reply>) => this.#answered(name, send),
    };
    this.#triggering = new Triggering(parts);
    this.#cycling = new Cycling(parts);
  }

  /** @throws NotReplicatedError when too few replicas have it: it may be carried out, or lost */
  trigger(call: TriggerCall): Promise<TriggerReply> {
    return this.#triggering.trigger(call);
  }

  begin(call: BeginCall): Promise<BeginReply> {
    return this.#cycling.begin(call);
  }

  renew(call: LeaseCall): Promise<LeaseReply> {
    return this.#cycling.renew(call);
  }

  journal(call: LeaseCall & { readonly journal: string }): Promise<LeaseReply> {
    return this.#cycling.journal(call);
  }

  end(call: EndCall): Promise<EndReply> {
    return this.#cycling.end(call);
  }

  /** Looks at one bounded batch of what is due on a shard. `more` says whether another batch may follow. */
  async sweep(call: {
    shard: number;
    offset: number;
    count: number;
    rehintMs: number;
    now?: number;
  }): Promise<{ due: DueWorkspace[]; looked: number }> {
    const [looked, ...rest] = await this.#run("sweep", (role) => this.keys.forShard(role as "due", call.shard), {
      offset: call.offset,
      count: call.count,
      rehintMs: call.rehintMs,
      now: call.now ?? "",
    });
    const due: DueWorkspace[] = [];
    for (let i = 0; i < rest.length; i += 3) {
      due.push({ id: String(rest[i]), dueAt: Number(rest[i + 1]), hintId: String(rest[i + 2]) });
    }
    return { due, looked: Number(looked) };
  }

  async census(call: { shard: number; now?: number }): Promise<Census> {
    const keyOf = (role: KeyRole) => this.keys.forShard(role as "due", call.shard);
    const [registered, oldestDueAgeMs, ...rest] = (await this.#run("census", keyOf, { now: call.now ?? "" })) as [
      number,
      number,
      ...string[],
    ];
    const active = pairs(rest);
    const phases = Object.fromEntries(PHASES.map((phase) => [phase, Number(active[phase] ?? 0)]));
    phases.idle = registered - Object.values(phases).reduce((sum, count) => sum + count);
    return { registered, oldestDueAgeMs, phases: phases as Record<Phase, number> };
  }

  async register(call: {
    id: string;
    fields: Readonly<Record<string, string>>;
    now?: number;
  }): Promise<({ readonly kind: "updated" } & Woken) | { readonly kind: "created" | "removing" }> {
    const reply = await this.#run("register", (role) => this.#of(call.id, role), {
      id: call.id,
      fields: JSON.stringify(call.fields),
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
    });
    if (reply[0] === "updated") return { kind: "updated", ...wokenOf(reply) };
    return { kind: reply[0] as "created" | "removing" };
  }

  async desire(call: {
    id: string;
    desired: Desire;
    /** What it must be now. */
    from?: Desire | undefined;
    /** The ancestor that takes it along. */
    cascadeFrom?: string | undefined;
    actor: string;
    reason?: string | undefined;
    now?: number;
  }): Promise<
    | {
        readonly kind: "accepted";
        readonly generation: number;
        readonly hintId: string;
        readonly waitsFor: Refusal | undefined;
      }
    | { readonly kind: "unchanged"; readonly generation: number }
    | { readonly kind: "mismatch"; readonly desired: Desire }
    | { readonly kind: "unknown" | "removing" }
  > {
    const reply = await this.#run("desire", (role) => this.#of(call.id, role), {
      id: call.id,
      desired: call.desired,
      from: call.from ?? "",
      cascadeFrom: call.cascadeFrom ?? "",
      ...byOf(call),
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
    });
    const generation = Number(reply[1]);
    if (reply[0] === "accepted") {
      const waitsFor = reply[3] === "" ? undefined : (reply[3] as Refusal);
      return { kind: "accepted", generation, hintId: String(reply[2]), waitsFor };
    }
    if (reply[0] === "mismatch") return { kind: "mismatch", desired: reply[1] as Desire };
    if (reply[0] === "unchanged") return { kind: "unchanged", generation };
    return { kind: reply[0] as "unknown" | "removing" };
  }

  async forget(call: { id: string; actor: string; now?: number }): Promise<"forgotten" | "unknown"> {
    const reply = await this.#run("forget", (role) => this.#of(call.id, role), {
      id: call.id,
      actor: byOf(call).actor,
      now: call.now ?? "",
    });
    return reply[0] as "forgotten" | "unknown";
  }

  async hold(call: {
    id: string;
    holdMs: number;
    actor: string;
    reason?: string | undefined;
    now?: number;
  }): Promise<({ readonly kind: "held"; readonly heldUntil: number } & Woken) | { readonly kind: "unknown" }> {
    const reply = await this.#run("hold", (role) => this.#of(call.id, role), {
      id: call.id,
      holdMs: call.holdMs,
      ...byOf(call),
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
    });
    if (reply[0] === "unknown") return { kind: "unknown" };
    return { kind: "held", heldUntil: Number(reply[4]), ...wokenOf(reply) };
  }

  async release(call: {
    id: string;
    actor: string;
    now?: number;
  }): Promise<({ readonly kind: "released" } & Woken) | { readonly kind: "not-held" | "unknown" }> {
    const reply = await this.#verb("release", call);
    if (reply[0] === "released") return { kind: "released", ...wokenOf(reply) };
    return { kind: reply[0] as "not-held" | "unknown" };
  }

  async flush(call: {
    id: string;
    actor: string;
    now?: number;
  }): Promise<
    | ({ readonly kind: "flushed" } & Woken)
    | { readonly kind: "refused"; readonly rule: Rule }
    | { readonly kind: "nothing-owed" | "held" | "unknown" }
  > {
    const reply = await this.#verb("flush", call);
    if (reply[0] === "flushed") return { kind: "flushed", ...wokenOf(reply) };
    if (reply[0] === "refused") return { kind: "refused", rule: reply[1] as Rule };
    return { kind: reply[0] as "nothing-owed" | "held" | "unknown" };
  }

  async cancel(call: {
    id: string;
    actor: string;
    reason?: string | undefined;
    now?: number;
  }): Promise<
    | { readonly kind: "canceled"; readonly triggers: number }
    | { readonly kind: "stopping"; readonly triggers: number; readonly cycleId: string }
    | { readonly kind: "nothing-owed" | "unknown" }
  > {
    const reply = await this.#verb("cancel", call, { reason: byOf(call).reason });
    if (reply[2] === 1) this.#settings.observer?.ended?.("canceled");
    const triggers = Number(reply[1]);
    if (reply[0] === "canceled") return { kind: "canceled", triggers };
    if (reply[0] === "stopping") return { kind: "stopping", triggers, cycleId: String(reply[3]) };
    return { kind: reply[0] as "nothing-owed" | "unknown" };
  }

  async view(id: string, now?: number): Promise<Snapshot> {
    const reply = await this.#run("view", (role) => this.#of(id, role), { now: now ?? "" });
    const hash = (index: number) => pairs(reply[index] as string[]);
    return {
      now: Number(reply[0]),
      workspace: hash(1),
      state: hash(2),
      why: hash(3),
      covers: reply[4] === "" ? undefined : String(reply[4]),
      cooldownEndsAt: optionalNumber(reply[5]),
      lastCycle: reply[6] === "" ? undefined : String(reply[6]),
      journal: reply[7] === "" ? undefined : String(reply[7]),
    };
  }

  /** What a shadow policy has made of a workspace. */
  async readShadow(id: string, now?: number): Promise<ShadowReading> {
    const args = { version: "", next: "", since: "", ttlMs: 0, now: now ?? "" };
    return shadowReading(await this.#run("shadow", (role) => this.#of(id, role), args));
  }

  /** "kept", or what is there instead of the version that was read. `since`: it is a new record, begun then. */
  async writeShadow(
    id: string,
    write: { version: string; record: string; since: number | undefined; ttlMs: number; now?: number },
  ): Promise<"kept" | ShadowReading> {
    const { version, record, since = "", ttlMs, now = "" } = write;
    const args = { version, next: record, since, ttlMs, now };
    const reply = await this.#run("shadow", (role) => this.#of(id, role), args);
    return reply[0] === "kept" ? "kept" : shadowReading(reply);
  }

  /** `orphanOf`: a parent that is gone. */
  async markParent(call: {
    id: string;
    paused: boolean;
    orphanOf?: string;
    now?: number;
  }): Promise<({ readonly kind: "marked" } & Woken) | { readonly kind: "unknown" }> {
    const reply = await this.#run("parent", (role) => this.#of(call.id, role), {
      id: call.id,
      paused: flag(call.paused),
      orphanOf: call.orphanOf ?? "",
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
    });
    return reply[0] === "marked" ? { kind: "marked", ...wokenOf(reply) } : { kind: "unknown" };
  }

  #verb(
    name: "release" | "flush" | "cancel",
    call: { id: string; actor: string; now?: number },
    more: Record<string, string> = {},
  ): Promise<unknown[]> {
    return this.#run(name, (role) => this.#of(call.id, role), {
      id: call.id,
      actor: byOf(call).actor,
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
      ...more,
    });
  }

  #run(name: ScriptName, keyOf: KeyOf, args: ScriptArguments): Promise<unknown[]> {
    return this.#answered(name, () => this.#script(name, keyOf, args));
  }

  #answered<Reply>(name: ScriptName, send: () => Promise<Reply>): Promise<Reply> {
    const { observer } = this.#settings;
    const sentAt = performance.now();
    return send().then(
      (reply) => {
        observer?.answered?.(name, performance.now() - sentAt);
        return reply;
      },
      (error: unknown) => {
        throw fromRedis(error);
      },
    );
  }

  #of(id: string, role: KeyRole): string {
    return this.keys.forWorkspace(role as Exclude<KeyRole, "window">, id);
  }
}
