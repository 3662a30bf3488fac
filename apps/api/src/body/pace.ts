/** A body that trickles in holds memory and a connection for as long as its sender likes: it is given up. */
import type { IncomingMessage } from "node:http";
import { Problem } from "../problem.ts";

export interface Pace {
  /** A body may take this long whatever its length, ms. */
  readonly graceMs: number;
  /** … and longer by a second for so many bytes that have come. */
  readonly bytesPerSecond: number;
}

export const PACE: Pace = { graceMs: 10_000, bytesPerSecond: 64 * 1024 };

/** Resolves or rejects as the reading does. @throws Problem 408 once the body has come too slowly */
export async function keepingPace<T>(request: IncomingMessage, pace: Pace, reading: Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const { socket } = request;
  const before = socket.bytesRead;
  let timer: NodeJS.Timeout | undefined;
  const tooSlow = new Promise<never>((_, reject) => {
    const look = (): void => {
      if (request.complete) return;
      const came = socket.bytesRead - before;
      const leftMs = pace.graceMs + (came / pace.bytesPerSecond) * 1_000 - (performance.now() - startedAt);
      if (leftMs > 0) timer = setTimeout(look, Math.min(leftMs, pace.graceMs) + 1);
      else reject(slow(pace));
    };
    timer = setTimeout(look, pace.graceMs);
  });
  try {
    return await Promise.race([reading, tooSlow]);
  } finally {
    clearTimeout(timer);
  }
}

function slow({ graceMs, bytesPerSecond }: Pace): Problem {
  const detail = `the body came too slowly: after ${graceMs} ms, less than ${bytesPerSecond} bytes a second`;
  return new Problem({ status: 408, title: "Request timeout", detail });
}
