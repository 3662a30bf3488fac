import { createHash } from "node:crypto";
import type { LaunchCall } from "../api.ts";
import { Merger } from "./merger.ts";

export interface LaunchDryRunOptions {
  readonly send: (launch: LaunchCall, signal: AbortSignal) => Promise<void>;
  /** How long the first waits for others who ask the same, ms. */
  readonly collectMs: number;
  /** How long a yes counts, ms. */
  readonly yesMs: number;
}

/**
 * A dry run of a launch costs as much of the account's limit as the launch. So those who ask the same share one, and a yes
 * counts for a while. A no is never kept. What this worker knows is no other's.
 */
export class LaunchDryRuns {
  readonly #options: LaunchDryRunOptions;
  readonly #merger: Merger<void>;
  /** By hash: user data may hold secrets. */
  readonly #yesUntil = new Map<string, number>();

  constructor(options: LaunchDryRunOptions) {
    this.#options = options;
    this.#merger = new Merger({
      ...{ collectMs: options.collectMs, most: 1, inFlight: 2 },
      send: ([key], signal) => this.#send(key as string, signal),
    });
  }

  /** Rejects with what EC2 would have answered. */
  ask({ request, userData }: LaunchCall, signal: AbortSignal | undefined): Promise<void> {
    const key = JSON.stringify([request, userData]);
    return this.#isYes(key) ? Promise.resolve() : this.#merger.ask([key], signal);
  }

  async #send(key: string, signal: AbortSignal): Promise<void> {
    // Those who came while another such call was under way.
    if (this.#isYes(key)) return;
    const [request, userData] = JSON.parse(key) as [LaunchCall["request"], string | null];
    const sentAt = performance.now();
    await this.#options.send({ request, userData: userData ?? undefined, clientToken: "dry-run" }, signal);
    for (const [hash, until] of this.#yesUntil) if (until <= sentAt) this.#yesUntil.delete(hash);
    this.#yesUntil.set(hashOf(key), sentAt + this.#options.yesMs);
  }

  #isYes(key: string): boolean {
    return (this.#yesUntil.get(hashOf(key)) ?? 0) > performance.now();
  }
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("base64url");
}
