import { randomBytes } from "node:crypto";

/**
 * Names for calls, so that one that is sent again is known to be the same. Random once and counted from there: a random
 * one for each call would cost more than to make the call.
 */
export class CallNames {
  readonly #own = randomBytes(9).toString("base64url");
  #count = 0;

  next(): string {
    this.#count += 1;
    return `${this.#own}${this.#count.toString(36)}`;
  }
}
