/** The editor's side: requests go round robin to the replicas; one that is not answered is tried at another. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, type Ask, ask } from "./http.ts";

export interface Replica {
  readonly name: string;
  readonly url: string;
}

export interface Request extends Omit<Ask, "timeoutMs"> {
  readonly path: string;
}

export interface Answered extends Answer {
  readonly replica: string;
  readonly attempts: number;
  /** Who was asked before and did not answer. */
  readonly unanswered: readonly string[];
}

/** Nobody answered: what was asked may or may not have been done. */
export class UnansweredError extends Error {
  override readonly name = "UnansweredError";
  readonly attempts: number;

  constructor(attempts: number, lastError: string) {
    super(attempts === 0 ? "no API is left" : `no API answered (${attempts} tried): ${lastError}`);
    this.attempts = attempts;
  }
}

const ANSWER_WITHIN_MS = 3_000;
const GIVE_UP_AFTER_MS = 12_000;
const PAUSE_MS = 50;

export class Client {
  readonly #replicas: () => readonly Replica[];
  readonly #token: string;
  #turn = 0;

  /** `replicas` tells who lives, in a fixed order. */
  constructor(replicas: () => readonly Replica[], token: string) {
    this.#replicas = replicas;
    this.#token = token;
  }

  /** Who gets the next request. */
  next(): Replica | undefined {
    const replicas = this.#replicas();
    return replicas[this.#turn % replicas.length];
  }

  /**
   * Resolves with whatever was answered, a refusal included.
   * @throws UnansweredError
   */
  async send({ path, headers, ...request }: Request): Promise<Answered> {
    const until = performance.now() + GIVE_UP_AFTER_MS;
    const unanswered: string[] = [];
    let lastError = "";
    for (let replica = this.#take([]); replica !== undefined; replica = this.#take(unanswered)) {
      try {
        const answer = await ask(`${replica.url}${path}`, {
          ...request,
          headers: { ...headers, authorization: `Bearer ${this.#token}` },
          timeoutMs: ANSWER_WITHIN_MS,
        });
        return { ...answer, replica: replica.name, attempts: unanswered.length + 1, unanswered };
      } catch (error) {
        lastError = (error as Error).message;
        unanswered.push(replica.name);
      }
      if (performance.now() > until) break;
      // Everybody was asked: whatever is wrong with all of them will not be over at once.
      if (unanswered.length >= this.#replicas().length) await sleep(PAUSE_MS);
    }
    throw new UnansweredError(unanswered.length, lastError);
  }

  /** For requests that must succeed. @throws Error with what was answered instead */
  async sendJson<Body>(method: Request["method"], path: string, body?: unknown): Promise<Body> {
    const answer = await this.send({
      method,
      path,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    if (answer.status < 300) return JSON.parse(answer.text) as Body;
    throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text.slice(0, 500)}`);
  }

  /** The next in turn; who was asked already only when everybody was. */
  #take(asked: readonly string[]): Replica | undefined {
    const first = this.next();
    this.#turn += 1;
    if (first === undefined || !asked.includes(first.name)) return first;
    return this.#replicas().find(({ name }) => !asked.includes(name)) ?? first;
  }
}
