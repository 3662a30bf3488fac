/** ClientToken as EC2 keeps it: the same launch again finds the instance of the first. */
import { instancesIn } from "./describe-answer.ts";
import type { Fleet } from "./fleet.ts";
import { type Answer, type Query, refusal } from "./query.ts";

interface Launch {
  readonly parameters: string;
  readonly answer: Promise<Answer>;
}

export class Launches {
  readonly #fleet: Fleet;
  #byToken = new Map<string, Launch>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  reset(): void {
    this.#byToken = new Map();
  }

  async run(query: Query, forward: () => Promise<Answer>): Promise<Answer> {
    if (query.dryRun) return forward();
    const token = query.clientToken;
    if (token === undefined) return this.#launch(forward);
    const parameters = parametersOf(query);
    const earlier = this.#byToken.get(token);
    if (earlier !== undefined) return this.#again(earlier, parameters);
    // Known before it is done: a repetition may come in between.
    const answer = this.#launch(forward);
    this.#byToken.set(token, { parameters, answer });
    const failed = await answer.then(
      ({ status }) => status !== 200,
      () => true,
    );
    if (failed) this.#byToken.delete(token);
    return answer;
  }

  async #again(earlier: Launch, parameters: string): Promise<Answer> {
    if (earlier.parameters !== parameters) {
      const message =
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
      return refusal("IdempotentParameterMismatch", message);
    }
    const answer = await earlier.answer;
    const gone = [...instancesIn(answer.body).keys()].some((id) =>
      ["shutting-down", "terminated"].includes(this.#fleet.shown(id) ?? ""),
    );
    return gone
      ? refusal("IdempotentInstanceTerminated", "The instance of this idempotent request has been terminated.")
      : answer;
  }

  async #launch(forward: () => Promise<Answer>): Promise<Answer> {
    const answer = await forward();
    if (answer.status === 200) for (const id of instancesIn(answer.body).keys()) this.#fleet.launched(id);
    return answer;
  }
}

export function parametersOf({ params }: Query): string {
  const ignored = new Set(["Action", "Version", "ClientToken", "DryRun"]);
  return JSON.stringify([...params].filter(([name]) => !ignored.has(name)).sort());
}
