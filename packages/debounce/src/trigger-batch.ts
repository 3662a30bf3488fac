/** Triggers of one workspace and source that go to Redis together, as one call. Their texts are made only if they are asked for. */
import type { TriggerRequest } from "./coordinator.ts";
import type { Choice } from "./policy-set.ts";
import type { TriggerCall } from "./transition-types.ts";
import { distinctTexts, keptText } from "./why.ts";

type Texts = ReturnType<typeof distinctTexts>;

export class TriggerBatch implements TriggerCall {
  readonly id: string;
  readonly source: string;
  readonly choice: Choice;
  readonly count: number;
  readonly write: boolean;
  readonly onHold: TriggerCall["onHold"];
  readonly trace: string | undefined;
  readonly nonce: string;
  readonly idempotencyKey: string | undefined;
  readonly idempotencyBody: string | undefined;
  readonly #requests: readonly TriggerRequest[];
  readonly #first: TriggerRequest;
  #reasons: Texts | undefined;
  #actors: Texts | undefined;
  #files: Texts | undefined;
  #firstFiles: Texts | undefined;

  /** Alike in source, `write` and `onHold`; one with an idempotency key comes alone. */
  constructor(
    id: string,
    requests: readonly TriggerRequest[],
    call: { readonly choice: Choice; readonly nonce: string; readonly trace: string | undefined },
  ) {
    const first = requests[0] as TriggerRequest;
    this.id = id;
    this.source = first.source;
    this.choice = call.choice;
    this.count = requests.length;
    this.write = first.write === true;
    this.onHold = first.onHold ?? "queue";
    this.trace = call.trace;
    this.nonce = call.nonce;
    this.idempotencyKey = first.idempotency?.key;
    this.idempotencyBody = first.idempotency?.body;
    this.#requests = requests;
    this.#first = first;
  }

  get reasons(): readonly string[] {
    return this.#reasonTexts.kept;
  }

  get moreReasons(): number {
    return this.#reasonTexts.more;
  }

  get actors(): readonly string[] {
    return this.#actorTexts.kept;
  }

  get moreActors(): number {
    return this.#actorTexts.more;
  }

  get files(): readonly string[] {
    return this.#fileTexts.kept;
  }

  get moreFiles(): number {
    return this.#fileTexts.more;
  }

  get firstReason(): string {
    return keptText(this.#first.reason ?? "");
  }

  get firstActor(): string {
    return keptText(this.#first.actor ?? "");
  }

  get firstFiles(): readonly string[] {
    return this.#firstFileTexts.kept;
  }

  get firstMoreFiles(): number {
    return this.#firstFileTexts.more;
  }

  get #reasonTexts(): Texts {
    this.#reasons ??= distinctTexts(this.#requests.map(({ reason }) => reason));
    return this.#reasons;
  }

  get #actorTexts(): Texts {
    this.#actors ??= distinctTexts(this.#requests.map(({ actor }) => actor));
    return this.#actors;
  }

  get #fileTexts(): Texts {
    this.#files ??= distinctTexts(this.#requests.flatMap(({ files }) => files ?? []));
    return this.#files;
  }

  get #firstFileTexts(): Texts {
    this.#firstFiles ??= distinctTexts(this.#first.files ?? []);
    return this.#firstFiles;
  }
}
