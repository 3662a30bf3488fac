/** A script's reply by the names that its header gives. */
import { recordOf } from "./records.ts";
import type { Script } from "./script.ts";

/** A reply of one kind. Whoever asks for what the header does not name, or reads what is no number as one, made a slip. */
export class ScriptReply {
  readonly kind: string;
  /** As many replicas as were asked for have what the script wrote. */
  readonly isReplicated: boolean;
  /** It is the first answer, to a command that was sent again. */
  readonly isAgain: boolean;
  readonly #script: string;
  readonly #names: readonly string[];
  readonly #values: readonly unknown[];

  /** @throws TypeError when the reply is not one that the header tells */
  constructor(script: Pick<Script, "name" | "replies">, { reply, isReplicated, isAgain = false }: Acknowledged) {
    const kind = String(reply[0]);
    const names = script.replies.get(kind);
    if (names === undefined || names.length !== reply.length - 1) {
      throw new TypeError(
        `the script ${script.name} answered "${kind}" with ${reply.length - 1} values: see its header`,
      );
    }
    this.kind = kind;
    this.isReplicated = isReplicated;
    this.isAgain = isAgain;
    this.#script = script.name;
    this.#names = names;
    this.#values = reply;
  }

  /** @throws TypeError when the header does not name it */
  text(name: string): string {
    return String(this.#value(name));
  }

  /** Undefined where the script has nothing to tell. @throws TypeError when the header does not name it */
  optionalText(name: string): string | undefined {
    const value = this.#value(name);
    return value === "" ? undefined : String(value);
  }

  /** @throws TypeError when the header does not name it, or it is no number */
  number(name: string): number {
    const value = this.#value(name);
    const number = Number(value);
    if (value === "" || Number.isNaN(number)) throw new TypeError(`${this.#named(name)} is no number: "${value}"`);
    return number;
  }

  /** Undefined where the script has nothing to tell. @throws TypeError as `number` does */
  optionalNumber(name: string): number | undefined {
    return this.#value(name) === "" ? undefined : this.number(name);
  }

  /** Whether it is 1, not 0. @throws TypeError as `number` does */
  flag(name: string): boolean {
    return this.number(name) === 1;
  }

  /** @throws TypeError when the header does not name it, or it is no list */
  list(name: string): readonly unknown[] {
    const value = this.#value(name);
    if (!Array.isArray(value)) throw new TypeError(`${this.#named(name)} is no list`);
    return value;
  }

  /** Names and values that the script gives in turn. @throws TypeError as `list` does */
  record(name: string): Record<string, string> {
    return recordOf(this.list(name) as readonly string[]);
  }

  #value(name: string): unknown {
    const index = this.#names.indexOf(name);
    if (index === -1) throw new TypeError(`${this.#named(name)} is not in its header`);
    return this.#values[index + 1];
  }

  #named(name: string): string {
    return `${name} in the reply "${this.kind}" of the script ${this.#script}`;
  }
}

/** What Redis answered, and how. */
export interface Acknowledged {
  readonly reply: readonly unknown[];
  /** As many replicas as were asked for have it. */
  readonly isReplicated: boolean;
  /** The first answer, to a command that was sent again. */
  readonly isAgain?: boolean;
}
