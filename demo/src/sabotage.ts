/** `--kill`: SIGKILLs an API in mid-burst, and the worker that runs the cycle. */
import type { Client } from "./client.ts";
import type { System } from "./system.ts";

export class Sabotage {
  readonly #system: System;
  readonly #writer: Client;
  readonly #atNumber: number;
  #over = false;

  /** `writer` is the client whose write meets a dead API. */
  constructor(system: System, writer: Client, entries: number) {
    this.#system = system;
    this.#writer = writer;
    // A quarter in: of a Save, while the first cycle runs.
    this.#atNumber = Math.max(2, Math.ceil(entries / 4));
  }

  /** Called before each write: before one of them, kills the very API it goes to. */
  beforeSend(number: number): void {
    if (number !== this.#atNumber) return;
    const api = this.#writer.next();
    if (api !== undefined) this.#system.kill(api.name);
    void this.#killRunner();
  }

  /** Nothing is killed from here on. */
  stop(): void {
    this.#over = true;
  }

  /** At once when a cycle runs; else as soon as one begins. */
  async #killRunner(): Promise<void> {
    const worker = await this.#system.workerLog.runner();
    if (!this.#over) this.#system.kill(worker);
  }
}
