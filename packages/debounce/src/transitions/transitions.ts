/**
 * Every transition of a workspace as a typed call: named objects in, discriminated unions out. Nothing else reads a
 * script's reply. `now` is for tests; in production Redis' own clock decides.
 */
import type { ScriptArguments, ScriptReply } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { KeyRole, KeySpace } from "../keys.ts";
import type { TriggerCall, TriggerReply } from "../triggers/trigger-call.ts";
import { type Desire, PHASES, type Phase, type Refusal, type Rule } from "../vocabulary.ts";
import { Cycling } from "./cycling.ts";
import { wokenOf } from "./hint.ts";
import { type HoldCall, Holding, type HoldReply, type ReleaseCall, type ReleaseReply } from "./holding.ts";
import { Observing } from "./observing.ts";
import { Rescheduling } from "./rescheduling.ts";
import { byOf, flag } from "./script-arguments.ts";
import type { ScriptName } from "./script-names.ts";
import { bindScripts, type CoordinatorScripts } from "./scripts.ts";
import { Triggering } from "./triggering.ts";
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
  Woken,
} from "./types.ts";

export class Transitions {
  readonly keys: KeySpace;
  readonly rescheduling: Rescheduling;
  readonly observing: Observing;
  readonly #scripts: CoordinatorScripts;
  readonly #settings: TransitionSettings;
  readonly #triggering: Triggering;
  readonly #cycling: Cycling;
  readonly #holding: Holding;

  constructor(redis: Redis | Cluster, keys: KeySpace, settings: TransitionSettings) {
    this.keys = keys;
    this.#settings = settings;
    this.#scripts = bindScripts(redis, settings);
    this.#triggering = new Triggering(this.#scripts, keys, settings);
    this.#cycling = new Cycling(this.#scripts, keys, settings);
    this.#holding = new Holding(this.#scripts, keys, settings);
    this.rescheduling = new Rescheduling(this.#scripts, keys, settings);
    this.observing = new Observing(this.#scripts, keys, settings);
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
    const { shard, now = "", ...args } = call;
    const sentAt = performance.now();
    const keyOf = (role: KeyRole) => this.keys.forShard(role as "due", shard);
    const reply = await this.#scripts.run("sweep", keyOf, { ...args, now });
    const { observer } = this.#settings;
    observer?.clockSeen?.({ shard, now: reply.number("now"), sentAt, setBackMs: reply.number("setBackMs") });
    const found = reply.list("due");
    const due: DueWorkspace[] = [];
    for (let i = 0; i < found.length; i += 3) {
      due.push({ id: String(found[i]), dueAt: Number(found[i + 1]), hintId: String(found[i + 2]) });
    }
    return { due, looked: reply.number("looked") };
  }

  async census(call: { shard: number; now?: number }): Promise<Census> {
    const keyOf = (role: KeyRole) => this.keys.forShard(role as "due", call.shard);
    const reply = await this.#scripts.run("census", keyOf, { now: call.now ?? "" });
    const [registered, oldestDueAgeMs] = [reply.number("registered"), reply.number("oldestDueAgeMs")];
    const active = reply.record("phases");
    const phases = Object.fromEntries(PHASES.map((phase) => [phase, Number(active[phase] ?? 0)]));
    phases.idle = registered - Object.values(phases).reduce((sum, count) => sum + count);
    const seen = { down: reply.number("down"), observationAgeMs: reply.optionalNumber("observationAgeMs") };
    return { registered, oldestDueAgeMs, phases: phases as Record<Phase, number>, ...seen };
  }

  /** Notes which rules of time zones a process has; returns those that were noted within `keptMs`. */
  async noteZoneRules(call: { rules: string; keptMs: number; now?: number }): Promise<string[]> {
    const args = { ...call, now: call.now ?? "" };
    const reply = await this.#scripts.run("zone-rules", () => this.keys.zoneRules, args);
    return reply.list("rules").map(String);
  }

  /** Tells on all shards that nothing is there any more. */
  async tellEmptied(call: { now?: number } = {}): Promise<void> {
    const shards = Array.from({ length: this.keys.shards }, (_, shard) => shard);
    const tell = (shard: number) =>
      this.#scripts.run("emptied", (role) => this.keys.forShard(role as "events", shard), { now: call.now ?? "" });
    await Promise.all(shards.map(tell));
  }

  async register(call: {
    id: string;
    fields: Readonly<Record<string, string>>;
    /** The fields in which what runs differs from its new spec, where that is known. */
    drift?: readonly string[] | undefined;
    /** That owes a restart. */
    restart?: boolean;
    now?: number;
  }): Promise<({ readonly kind: "updated" } & Woken) | { readonly kind: "created" | "removing" }> {
    const reply = await this.#run("register", call.id, {
      fields: JSON.stringify(call.fields),
      drift: call.drift === undefined ? "" : JSON.stringify(call.drift),
      restart: flag(call.restart ?? true),
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
    });
    if (reply.kind === "updated") return { kind: "updated", ...wokenOf(reply) };
    return { kind: reply.kind as "created" | "removing" };
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
    const reply = await this.#run("desire", call.id, {
      desired: call.desired,
      from: call.from ?? "",
      cascadeFrom: call.cascadeFrom ?? "",
      ...byOf(call),
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
    });
    const { kind } = reply;
    if (kind === "accepted") {
      const waitsFor = reply.optionalText("waitsFor") as Refusal | undefined;
      return { kind, generation: reply.number("generation"), hintId: reply.text("hintId"), waitsFor };
    }
    if (kind === "mismatch") return { kind, desired: reply.text("desired") as Desire };
    if (kind === "unchanged") return { kind, generation: reply.number("generation") };
    return { kind: kind as "unknown" | "removing" };
  }

  async forget(call: { id: string; actor: string; now?: number }): Promise<"forgotten" | "unknown"> {
    const reply = await this.#run("forget", call.id, { actor: byOf(call).actor, now: call.now ?? "" });
    return reply.kind as "forgotten" | "unknown";
  }

  hold(call: HoldCall): Promise<HoldReply> {
    return this.#holding.hold(call);
  }

  release(call: ReleaseCall): Promise<ReleaseReply> {
    return this.#holding.release(call);
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
    if (reply.kind === "flushed") return { kind: "flushed", ...wokenOf(reply) };
    if (reply.kind === "refused") return { kind: "refused", rule: reply.text("rule") as Rule };
    return { kind: reply.kind as "nothing-owed" | "held" | "unknown" };
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
    if (reply.kind === "canceled") {
      if (reply.flag("ended")) this.#settings.observer?.ended?.("canceled");
      return { kind: "canceled", triggers: reply.number("triggers") };
    }
    if (reply.kind === "stopping") {
      return { kind: "stopping", triggers: reply.number("triggers"), cycleId: reply.text("cycle") };
    }
    return { kind: reply.kind as "nothing-owed" | "unknown" };
  }

  async view(id: string, now?: number): Promise<Snapshot> {
    const reply = await this.#run("view", id, { now: now ?? "" });
    return {
      now: reply.number("now"),
      workspace: reply.record("workspace"),
      state: reply.record("state"),
      why: reply.record("why"),
      covers: reply.optionalText("covers"),
      cooldownEndsAt: reply.optionalNumber("cooldownEndsAt"),
      lastCycle: reply.optionalText("lastCycle"),
      journal: reply.optionalText("journal"),
      seenAt: reply.optionalNumber("seenAt"),
      observeMs: reply.optionalNumber("observeMs"),
    };
  }

  /** What a shadow policy has made of a workspace. */
  async readShadow(id: string, now?: number): Promise<ShadowReading> {
    const args = { version: "", next: "", since: "", ttlMs: 0, now: now ?? "" };
    return shadowReading(await this.#run("shadow", id, args));
  }

  /** "kept", or what is there instead of the version that was read. `since`: it is a new record, begun then. */
  async writeShadow(
    id: string,
    write: { version: string; record: string; since: number | undefined; ttlMs: number; now?: number },
  ): Promise<"kept" | ShadowReading> {
    const { version, record, since = "", ttlMs, now = "" } = write;
    const args = { version, next: record, since, ttlMs, now };
    const reply = await this.#run("shadow", id, args);
    return reply.kind === "kept" ? "kept" : shadowReading(reply);
  }

  /** `orphanOf`: a parent that is gone. */
  async markParent(call: {
    id: string;
    paused: boolean;
    orphanOf?: string;
    now?: number;
  }): Promise<({ readonly kind: "marked" } & Woken) | { readonly kind: "unknown" }> {
    const reply = await this.#run("parent", call.id, {
      paused: flag(call.paused),
      orphanOf: call.orphanOf ?? "",
      activityTtlMs: this.#settings.activityTtlMs,
      now: call.now ?? "",
    });
    return reply.kind === "marked" ? { kind: "marked", ...wokenOf(reply) } : { kind: "unknown" };
  }

  #verb(
    name: "flush" | "cancel",
    call: { id: string; actor: string; now?: number },
    more: Record<string, string> = {},
  ): Promise<ScriptReply> {
    const by = { actor: byOf(call).actor, activityTtlMs: this.#settings.activityTtlMs, now: call.now ?? "" };
    return this.#run(name, call.id, { ...by, ...more });
  }

  #run(name: ScriptName, id: string, args: ScriptArguments): Promise<ScriptReply> {
    return this.#scripts.run(name, this.keys.keysOf(id) as (role: KeyRole) => string, { id, ...args });
  }
}

function shadowReading(reply: ScriptReply): ShadowReading {
  return {
    version: reply.text("version"),
    record: reply.optionalText("record"),
    cycleMs: reply.optionalNumber("cycleMs"),
    runtime: reply.optionalText("runtime"),
    tags: JSON.parse(reply.optionalText("tags") ?? "{}") as Record<string, string>,
    now: reply.number("now"),
    realCycles: JSON.parse(reply.text("realCycles")) as Record<string, number>,
  };
}
