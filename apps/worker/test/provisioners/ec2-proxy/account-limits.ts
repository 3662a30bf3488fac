/** AWS's token buckets as the account has them: what does not fit is throttled, not delayed. */
import { instanceIdsOf, type Query } from "./query.ts";

interface Limit {
  readonly size: number;
  readonly perSecond: number;
}

const REQUESTS: Readonly<Record<string, Limit>> = {
  RunInstances: { size: 5, perSecond: 2 },
  StartInstances: { size: 5, perSecond: 2 },
  TerminateInstances: { size: 100, perSecond: 5 },
  CreateTags: { size: 100, perSecond: 10 },
  /** One for all that look: stricter than AWS, where each has its own. */
  Describe: { size: 100, perSecond: 20 },
  /** One for all others that change something: stricter than AWS, too. */
  Other: { size: 50, perSecond: 5 },
};

const RESOURCES: Readonly<Record<string, Limit>> = {
  RunInstances: { size: 1_000, perSecond: 2 },
  StartInstances: { size: 1_000, perSecond: 2 },
  TerminateInstances: { size: 1_000, perSecond: 20 },
  StopInstances: { size: 1_000, perSecond: 20 },
};

export class AccountLimits {
  readonly #speed: number;
  readonly #now: () => number;
  #buckets = new Map<string, { tokens: number; at: number }>();

  /** `speed` times AWS's refill, the sizes as they are. `now` in ms. */
  constructor(speed: number, now: () => number = () => performance.now()) {
    this.#speed = speed;
    this.#now = now;
  }

  /** Takes what the call costs, or nothing and says no. */
  admit(query: Query): boolean {
    const request = REQUESTS[query.action] ?? REQUESTS[query.action.startsWith("Describe") ? "Describe" : "Other"];
    const requestName = REQUESTS[query.action]
      ? query.action
      : query.action.startsWith("Describe")
        ? "Describe"
        : "Other";
    const resource = query.dryRun ? undefined : RESOURCES[query.action];
    const takes: [string, Limit, number][] = [[requestName, request as Limit, 1]];
    if (resource !== undefined) takes.push([`${query.action} resources`, resource, resourcesOf(query)]);
    if (takes.some(([name, limit, cost]) => this.#tokens(name, limit) < cost)) return false;
    for (const [name, limit, cost] of takes) {
      this.#buckets.set(name, { tokens: this.#tokens(name, limit) - cost, at: this.#now() });
    }
    return true;
  }

  reset(): void {
    this.#buckets = new Map();
  }

  #tokens(name: string, { size, perSecond }: Limit): number {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return size;
    const refilled = ((this.#now() - bucket.at) / 1_000) * perSecond * this.#speed;
    return Math.min(size, bucket.tokens + refilled);
  }
}

function resourcesOf(query: Query): number {
  return query.action === "RunInstances" ? Number(query.params.get("MaxCount") ?? 1) : instanceIdsOf(query).length;
}
