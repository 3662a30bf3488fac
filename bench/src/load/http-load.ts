import { Pool } from "undici";
import type { Measures } from "../row.ts";
import { percentile } from "../statistics.ts";
import { closedLoop } from "./closed-loop.ts";

export interface HttpRequest {
  readonly method: "POST" | "PUT";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A closed loop over kept-alive connections. Any answer but 2xx is an error: nobody measures refusals by mistake. */
export class HttpLoad {
  readonly #pool: Pool;

  constructor(
    url: string,
    readonly connections: number,
  ) {
    this.#pool = new Pool(url, { connections, pipelining: 1 });
  }

  async run(count: number, requestOf: (index: number) => HttpRequest): Promise<Measures> {
    const took: number[] = [];
    const { perSecond } = await closedLoop(count, this.connections, async (index) => {
      const sentAt = performance.now();
      const { statusCode, body } = await this.#pool.request(requestOf(index));
      const text = await body.text();
      took.push(performance.now() - sentAt);
      if (statusCode >= 300) throw new Error(`answered ${statusCode}: ${text.slice(0, 200)}`);
    });
    return { perSecond, p50Ms: percentile(took, 50), p99Ms: percentile(took, 99) };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}
