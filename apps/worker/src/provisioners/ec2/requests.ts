/**
 * Every request to EC2 goes this way: in its turn, within its time, and only EC2's own word counts as an answer. Whoever
 * stands in between (a proxy's login page, an endpoint that lost its server) is told apart from it here, for all calls.
 */
import {
  type $Command,
  EC2Client,
  type EC2ClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from "@aws-sdk/client-ec2";
import { assertAnswer, HELD, UnclearAnswerError } from "./answers.ts";
import type { CallOptions } from "./api.ts";
import { describeCause, isThrottle, meaningOf } from "./errors.ts";

/** What the pacing has to know of a request. */
export interface PacedRequest {
  /** As AWS names it: RunInstances. */
  readonly action: string;
  /** Asks for permission only. */
  readonly dryRun: boolean;
  /** How many instances it is about. */
  readonly instances: number;
  readonly signal: AbortSignal | undefined;
}

/** Makes the request once its turn has come; may make it again. */
export type Pace = <T>(request: PacedRequest, make: () => Promise<T>) => Promise<T>;

export interface RequestOptions {
  /** Where to go instead of AWS. */
  readonly endpoint?: string | undefined;
  /** How long a request may take from its first step (finding credentials) to the last byte of its answer, ms. Default 30 s. */
  readonly limitMs?: number;
  /** Default: at once, and once. */
  readonly pace?: Pace;
  /** Told when EC2 has fallen silent, and with undefined when it answers again. */
  readonly onSilence?: (trouble: string | undefined) => void;
}

type Ec2Command<In extends ServiceInputTypes, Out extends ServiceOutputTypes> = $Command<
  In,
  Out,
  EC2ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>;

/** One lost answer is nothing to speak of. */
const SILENT_AFTER = 3;

interface Silence {
  readonly since: string;
  readonly requests: number;
  readonly last: string;
}

export class Ec2Requests {
  readonly #client: EC2Client;
  readonly #limitMs: number;
  readonly #pace: Pace;
  readonly #onSilence: (trouble: string | undefined) => void;
  #silence: Silence | undefined;

  /** Credentials and region come from the SDK's ordinary chain. */
  constructor({ endpoint, limitMs = 30_000, pace = (_, make) => make(), onSilence = () => {} }: RequestOptions) {
    this.#limitMs = limitMs;
    this.#pace = pace;
    this.#onSilence = onSilence;
    this.#client = new EC2Client({
      ...(endpoint !== undefined && { endpoint }),
      requestHandler: { connectionTimeout: 5_000 },
      // What is repeated, the pacing decides (and a launch's caller): the SDK would repeat past the account's limits, and
      // a lack of capacity, too, which comes as an HTTP 500.
      maxAttempts: 1,
    });
    // The SDK takes whatever parses for an answer, and an empty body for an empty one: it sees the answer after this.
    this.#client.middlewareStack.add(
      (next, { commandName = "" }) => {
        const action = actionOf(commandName);
        return async (args) => {
          // The attribute that is asked for is the element's name.
          const { Attribute } = args.input as { Attribute?: string };
          return assertAnswer(action, HELD[action] ?? Attribute, await next(args));
        };
      },
      { step: "deserialize", priority: "low", name: "onlyEc2sAnswers" },
    );
  }

  /**
   * Rejects with EC2's error; with one that means `retry` when there was no answer, none in time or not EC2's; and with
   * the signal's reason once that fires.
   */
  async send<In extends ServiceInputTypes, Out extends ServiceOutputTypes>(
    command: Ec2Command<In, Out>,
    { signal }: CallOptions = {},
  ): Promise<Out> {
    const { DryRun = false, InstanceIds } = command.input as { DryRun?: boolean; InstanceIds?: readonly string[] };
    const action = actionOf(command.constructor.name);
    return this.#pace({ action, dryRun: DryRun, instances: InstanceIds?.length ?? 1, signal }, async () => {
      try {
        const answer = await this.#inTime(signal, (abortSignal) => this.#client.send(command, { abortSignal }));
        if (DryRun) throw new UnclearAnswerError(`${action}: the dry run was answered as if it had been none`);
        this.#answered();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        if (meaningOf(error).kind === "retry" && !isThrottle(error)) this.#unanswered(action, error);
        else this.#answered();
        throw error;
      }
    });
  }

  /** Why no call would be answered now, as far as the last ones tell; undefined while EC2 answers. */
  trouble(): string | undefined {
    const { since, requests, last } = this.#silence ?? { since: "", requests: 0, last: "" };
    if (requests < SILENT_AFTER) return undefined;
    return `EC2 has given no clear answer since ${since} (${requests} requests, the last one: ${last})`;
  }

  /** Closes its connections. */
  close(): void {
    this.#client.destroy();
  }

  /** The SDK's own time limit ends with the headers, and knows nothing of the search for credentials. */
  async #inTime<T>(signal: AbortSignal | undefined, make: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const abort = new AbortController();
    let leave = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<never>((_, reject) => {
      const end = (reason: unknown): void => {
        reject(reason);
        abort.abort(reason);
      };
      leave = () => end(signal?.reason);
      timer = setTimeout(() => {
        const error = new Error(`no whole answer within ${this.#limitMs} ms`);
        end(Object.assign(error, { name: "TimeoutError" }));
      }, this.#limitMs);
    });
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([make(abort.signal), ended]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
    }
  }

  #answered(): void {
    const wasTold = this.trouble() !== undefined;
    this.#silence = undefined;
    if (wasTold) this.#onSilence(undefined);
  }

  #unanswered(action: string, error: unknown): void {
    const { since, requests } = this.#silence ?? { since: new Date().toISOString(), requests: 0 };
    this.#silence = { since, requests: requests + 1, last: `${action}: ${describeCause(error)}` };
    if (requests + 1 === SILENT_AFTER) this.#onSilence(this.trouble());
  }
}

function actionOf(commandName: string): string {
  return commandName.replace(/Command$/, "");
}
