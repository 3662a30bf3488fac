/** The trigger as a typed call: triggers of one workspace and source in, the judgement on them out. */
import { NotReplicatedError, type ScriptReply } from "@restart-coordinator/redis-scripts";
import type { KeyRole, KeySpace } from "../keys.ts";
import type { Foreseen, TriggerCall, TriggerReply, WindowFacts } from "../triggers/trigger-call.ts";
import type { Decision, Rule } from "../vocabulary.ts";
import { flag, ownArguments, triggerArguments } from "./script-arguments.ts";
import type { CoordinatorScripts } from "./scripts.ts";
import type { TransitionSettings } from "./types.ts";

export class Triggering {
  readonly #scripts: CoordinatorScripts;
  readonly #keys: KeySpace;
  readonly #settings: TransitionSettings;

  constructor(scripts: CoordinatorScripts, keys: KeySpace, settings: TransitionSettings) {
    this.#scripts = scripts;
    this.#keys = keys;
    this.#settings = settings;
  }

  /** @throws NotReplicatedError when too few replicas have it: it may be carried out, or lost */
  async trigger(call: TriggerCall): Promise<TriggerReply> {
    const reply = await this.#send(call);
    if (!reply.isReplicated) throw new NotReplicatedError();
    if (reply.kind === "conflict") return { kind: "conflict" };
    const first = { decision: reply.text("decision") as Decision, rule: reply.text("rule") as Rule };
    const rest = { decision: reply.text("restDecision") as Decision, rule: reply.text("restRule") as Rule };
    const nonce = reply.text("nonce") || call.nonce;
    const now = reply.number("now");
    const running = reply.flag("running");
    // A resent command finds its own receipt: that is its first answer. Another call's was told when that was answered.
    if (nonce === call.nonce) {
      const { observer } = this.#settings;
      const { id: workspaceId, source, count } = call;
      observer?.judged?.({ workspaceId, at: now, duringCycle: running, source, count, first, rest });
      if (reply.flag("superseded")) observer?.ended?.("superseded");
    }
    return {
      kind: reply.isAgain ? "replayed" : (reply.kind as "judged" | "replayed"),
      first,
      rest,
      generation: reply.number("generation"),
      dueAt: reply.optionalNumber("dueAt"),
      hintId: reply.isAgain ? undefined : reply.optionalText("hintId"),
      running,
      now,
      nonce,
      window: windowOf(reply),
    };
  }

  /** What would be decided about one trigger now, by the very script that decides. Writes nothing. */
  async foresee(call: TriggerCall): Promise<Foreseen> {
    const { id, source } = call;
    const keys = this.#keys.keysOf(id);
    const keyOf = (role: KeyRole) => (role === "window" ? this.#keys.window(source, id) : keys(role));
    const args = { ...triggerArguments(call, this.#settings), ...ownArguments(call), nonce: "", dryRun: flag(true) };
    const reply = await this.#scripts.run("trigger", keyOf, args);
    return {
      decision: reply.text("decision") as Decision,
      rule: reply.text("rule") as Rule,
      dueAt: reply.optionalNumber("dueAt"),
      duringCycle: reply.flag("running"),
    };
  }

  #send(call: TriggerCall): Promise<ScriptReply> {
    const { id, source, nonce, idempotencyKey } = call;
    const keys = this.#keys.keysOf(id);
    const keyOf = (role: KeyRole) => (role === "window" ? this.#keys.window(source, id) : keys(role));
    const shared = triggerArguments(call, this.#settings);
    const own = ownArguments(call);
    // One that is remembered for a day is remembered by itself.
    if (idempotencyKey !== undefined) return this.#scripts.replicated("trigger", keyOf, { ...shared, ...own, nonce });
    return this.#scripts.together("trigger", { group: this.#keys.tagFor(id), keyOf, shared, own, nonce });
  }
}

function windowOf(reply: ScriptReply): WindowFacts | undefined {
  const claimedAt = reply.optionalNumber("claimedAt");
  if (claimedAt === undefined) return undefined;
  const [windowMs, suppressed] = [reply.number("windowMs"), reply.number("suppressed")];
  return { claimedAt, windowMs, suppressed, claimed: reply.flag("claimed") };
}
