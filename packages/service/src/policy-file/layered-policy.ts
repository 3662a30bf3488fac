/** A policy made in layers, each laid over the one before, that remembers which layer each value comes from. */
import {
  LOOP,
  NO_BUDGET,
  OBSERVE,
  POLICIES,
  type Policy,
  type Profile,
  type QuietHours,
  type SourcePolicy,
} from "@restart-coordinator/debounce";
import type { PolicyFields, QuietHoursFields } from "./schema.ts";

/** A policy, and by the path of each value (`sources.file-write.windowMs`) where it comes from. */
export interface ExplainedPolicy {
  readonly profile: Profile;
  readonly policy: Policy;
  /** As they are written; the policy has what they come to. */
  readonly quietHours: QuietHoursFields | undefined;
  readonly origins: Readonly<Record<string, string>>;
}

export class LayeredPolicy {
  readonly #profile: Profile;
  readonly #origins: Record<string, string> = {};
  #cooldownMs: number;
  #quietHours: QuietHoursFields | undefined;
  #retry: Policy["retry"];
  #loop = LOOP;
  #budget = NO_BUDGET;
  #observe = OBSERVE;
  readonly #sources: Record<string, SourcePolicy> = {};

  constructor(profile: Profile) {
    const { cooldownMs, retry, loop = LOOP, budget = NO_BUDGET, observe = OBSERVE, sources } = POLICIES[profile];
    const origin = `profile ${profile}`;
    this.#profile = profile;
    this.#cooldownMs = cooldownMs;
    this.#origins.cooldownMs = origin;
    this.#retry = retry;
    this.#note("retry", retry, origin);
    this.#loop = { ...this.#loop, ...this.#note("loop", loop, origin) };
    this.#budget = { ...this.#budget, ...this.#note("budget", budget, origin) };
    this.#observe = { ...this.#observe, ...this.#note("observe", observe, origin) };
    for (const [name, source] of Object.entries(sources)) this.addSource(name, source, origin);
  }

  knows(source: string): boolean {
    return Object.hasOwn(this.#sources, source);
  }

  get sources(): readonly string[] {
    return Object.keys(this.#sources);
  }

  addSource(name: string, source: SourcePolicy, origin: string): void {
    this.#sources[name] = source;
    this.#note(`sources.${name}`, source, origin);
  }

  /** Sources it does not know are left out: the caller says so. */
  lay(fields: Omit<PolicyFields, "profile">, origin: string): void {
    const { cooldownMs, retry, loop, budget, observe, quietHours, sources } = fields;
    if (quietHours !== undefined) {
      this.#quietHours = quietHours ?? undefined;
      this.#origins.quietHours = origin;
    }
    if (cooldownMs !== undefined) {
      this.#cooldownMs = cooldownMs;
      this.#origins.cooldownMs = origin;
    }
    this.#retry = { ...this.#retry, ...this.#note("retry", retry ?? {}, origin) };
    this.#loop = { ...this.#loop, ...this.#note("loop", loop ?? {}, origin) };
    this.#budget = { ...this.#budget, ...this.#note("budget", budget ?? {}, origin) };
    const seen = typeof observe === "string" ? { action: observe } : (observe ?? {});
    this.#observe = { ...this.#observe, ...this.#note("observe", seen, origin) };
    for (const [name, fields] of Object.entries(sources ?? {})) {
      if (!this.knows(name)) continue;
      const known = this.#sources[name] as SourcePolicy;
      this.#sources[name] = { ...known, ...this.#note(`sources.${name}`, fields, origin) };
    }
  }

  /** `reckoned`: makes of quiet hours as they are written what they come to. */
  explained(reckoned: (fields: QuietHoursFields) => QuietHours): ExplainedPolicy {
    const quietHours = this.#quietHours;
    const policy = {
      cooldownMs: this.#cooldownMs,
      retry: this.#retry,
      loop: this.#loop,
      budget: this.#budget,
      observe: this.#observe,
      sources: { ...this.#sources },
      ...(quietHours !== undefined && { quietHours: reckoned(quietHours) }),
    };
    return { profile: this.#profile, policy, quietHours, origins: { ...this.#origins } };
  }

  /** Leaves out what was not given, so that it overrides nothing, and notes where the rest comes from. */
  #note<Fields extends object>(path: string, fields: Fields, origin: string) {
    const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
    for (const [name] of entries) this.#origins[`${path}.${name}`] = origin;
    return Object.fromEntries(entries) as { [Field in keyof Fields]-?: NonNullable<Fields[Field]> };
  }
}
