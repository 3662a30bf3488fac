/** What people do to the system all day: files, secrets, probes, restarts by hand; workspaces come and go. */
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";

const TRIGGERS = ["file-write", "secret-change", "liveness-offline", "manual"] as const;

export interface LoadOptions {
  readonly urls: readonly string[];
  readonly token: string;
  readonly workspaces: number;
  readonly perSecond: number;
  readonly signal: AbortSignal;
}

export interface LoadResult {
  readonly asked: number;
  /** Answers that should not be, by what they said. */
  readonly surprises: Readonly<Record<string, number>>;
}

/** Runs until the signal. Workspaces 0 … n-1 stay; one visitor at a time is registered, used and removed. */
export async function runLoad({ urls, token, workspaces, perSecond, signal }: LoadOptions): Promise<LoadResult> {
  const pools = urls.map((url) => new Pool(url, { connections: 4 }));
  const surprises: Record<string, number> = {};
  let asked = 0;
  const ask = async (method: "PUT" | "POST" | "DELETE", path: string, body: string | undefined, expected: number[]) => {
    const pool = pools[asked++ % pools.length] as Pool;
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": path.includes("/files/") ? "application/octet-stream" : "application/json",
    };
    try {
      const answer = await pool.request({ method, path, headers, ...(body !== undefined && { body }) });
      await answer.body.dump();
      if (!expected.includes(answer.statusCode)) note(`${method} ${answer.statusCode}`);
    } catch (error) {
      note(String((error as Error).message));
    }
  };
  const note = (what: string) => {
    surprises[what] = (surprises[what] ?? 0) + 1;
  };
  await Promise.all(
    Array.from({ length: workspaces }, (_, i) => ask("PUT", `/workspaces/resident-${i}`, "{}", [200, 201])),
  );
  for (let i = 0; !signal.aborted; i += 1) {
    const id = `resident-${(i * 7) % workspaces}`;
    const source = TRIGGERS[i % TRIGGERS.length] as string;
    if (i % 5 === 4) await ask("PUT", `/workspaces/${id}/files/file-${i % 3}.txt`, `contents ${i}`, [200]);
    else await ask("POST", `/workspaces/${id}/triggers`, JSON.stringify({ source, reason: `reason ${i % 40}` }), [202]);
    if (i % 20 === 0) await ask("PUT", `/workspaces/visitor-${i}`, "{}", [201]);
    if (i % 20 === 10) await ask("POST", `/workspaces/visitor-${i - 10}/restart`, "{}", [202]);
    if (i % 20 === 19) await ask("DELETE", `/workspaces/visitor-${i - 19}`, undefined, [202]);
    await sleep(1_000 / perSecond, undefined, { signal }).catch(() => {});
  }
  await Promise.all(pools.map((pool) => pool.close()));
  return { asked, surprises };
}
