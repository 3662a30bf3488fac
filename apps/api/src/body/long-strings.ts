/**
 * Puts the long strings of a JSON text aside, as the bytes they came as, and hands the rest on with a short stand-in for
 * each. So a parser that reads a text as it comes need not hold a file as text; what is a string and what is structure is
 * told by quotes alone.
 */
import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Longer than any name that could be accepted. */
const LONG_BYTES = 8 * 1024;
const QUOTATION_MARK = Buffer.from('"');

/** Thrown for a string that is none: a control character, half a character, an unknown escape. */
export class BrokenStringError extends Error {}

/** A string as it stands between its quotes. */
export class LongString {
  readonly #pieces: readonly Buffer[];

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
  }

  /** The text in UTF-8. @throws BrokenStringError */
  text(): Buffer {
    const raw = Buffer.concat(this.#pieces);
    if (!isUtf8(raw)) throw new BrokenStringError("a string is not UTF-8");
    if (raw.includes(BACKSLASH)) {
      const text = unescaped(raw);
      if (/\p{Cs}/u.test(text)) throw new BrokenStringError("a string has half of a character");
      return Buffer.from(text);
    }
    for (const piece of this.#pieces) {
      if (piece.some((byte) => byte < 0x20)) throw new BrokenStringError("a string has a control character");
    }
    return raw;
  }

  /** The bytes it is the base64 of; undefined when it is none. */
  base64(): Buffer | undefined {
    const most = this.#pieces.reduce((sum, { length }) => sum + length, 0);
    if (most % 4 !== 0) return undefined;
    const bytes = Buffer.allocUnsafeSlow((most / 4) * 3);
    let length = 0;
    let rest = "";
    for (const [index, piece] of this.#pieces.entries()) {
      const text = rest + piece.toString("latin1");
      const isLast = index === this.#pieces.length - 1;
      const whole = text.slice(0, text.length - (text.length % 4));
      if (!(isLast ? /^[A-Za-z0-9+/]*={0,2}$/ : /^[A-Za-z0-9+/]*$/).test(whole)) return undefined;
      length += bytes.write(whole, length, "base64");
      rest = text.slice(whole.length);
    }
    return bytes.subarray(0, length);
  }
}

export class LongStrings {
  readonly #put = new Map<string, LongString>();
  readonly #mark = randomBytes(12).toString("hex");
  readonly #write: (piece: Buffer) => void;
  /** What there is so far of the string it stands in; undefined between strings. */
  #inside: Buffer[] | undefined;
  #length = 0;
  #count = 0;
  /** The last piece ended with the first half of an escape. */
  #isEscaped = false;

  /** `write` takes the rest. */
  constructor(write: (piece: Buffer) => void) {
    this.#write = write;
  }

  /** The string that a stand-in stands for; undefined when it is none. */
  of(standIn: string): LongString | undefined {
    return this.#put.get(standIn);
  }

  /** Forgets one that has been used. */
  drop(standIn: string): void {
    this.#put.delete(standIn);
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#inside === undefined) {
        const opening = chunk.indexOf(QUOTE, at);
        const end = opening < 0 ? chunk.length : opening;
        if (end > at) this.#write(chunk.subarray(at, end));
        at = end + 1;
        if (opening >= 0) this.#inside = [];
        continue;
      }
      const closing = this.#closingIn(chunk, at);
      const end = closing < 0 ? chunk.length : closing;
      if (end > at) this.#keep(chunk.subarray(at, end));
      at = end + 1;
      if (closing >= 0) this.#close(this.#inside);
    }
  }

  #keep(piece: Buffer): void {
    this.#inside?.push(piece);
    this.#length += piece.length;
  }

  #close(pieces: readonly Buffer[]): void {
    if (this.#length <= LONG_BYTES) this.#write(Buffer.concat([QUOTATION_MARK, ...pieces, QUOTATION_MARK]));
    else {
      this.#count += 1;
      const standIn = `${this.#mark}-${this.#count}`;
      this.#put.set(standIn, new LongString(pieces));
      this.#write(Buffer.from(`"${standIn}"`));
    }
    this.#inside = undefined;
    this.#length = 0;
  }

  /** The quote that ends the string; -1 when it goes on after this piece. */
  #closingIn(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      at += 1;
    }
    for (;;) {
      const quote = chunk.indexOf(QUOTE, at);
      const end = quote < 0 ? chunk.length : quote;
      let backslashes = 0;
      while (end - backslashes > at && chunk[end - backslashes - 1] === BACKSLASH) backslashes += 1;
      const isEscape = backslashes % 2 === 1;
      if (quote < 0) {
        this.#isEscaped = isEscape;
        return -1;
      }
      if (!isEscape) return quote;
      at = quote + 1;
    }
  }
}

function unescaped(raw: Buffer): string {
  try {
    return JSON.parse(`"${raw.toString()}"`) as string;
  } catch (error) {
    throw new BrokenStringError((error as Error).message);
  }
}
