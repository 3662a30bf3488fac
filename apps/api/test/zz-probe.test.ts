import { startRedis } from "@restart-coordinator/dev-redis";
import { test } from "vitest";
import { TestApi } from "./support/api.ts";
const t = async (label: string, p: Promise<any>) => { const t0 = performance.now(); try { const a = await Promise.race([p, new Promise((_, r) => setTimeout(() => r(new Error("HANGS")), 8000))]) as any; console.log(label, a.status, a.text.slice(0, 200)); } catch (e) { console.log(label, "THROWN", (e as Error).message); } console.log("   took", (performance.now() - t0) | 0); };
test("x", async () => {
  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    const redis = await startRedis({ own: true });
    const api = new TestApi(); await api.start({ REDIS_URL: redis.url });
    const id = await api.workspace();
    const { json } = await api.trigger(id, { source: "secret-change" });
    await redis.kill(signal);
    await t(signal + " events", api.ask("GET", "/events", { headersOnly: true }));
    await t(signal + " ws events", api.ask("GET", `/workspaces/${id}/events`, { headersOnly: true }));
    await t(signal + " wait", api.ask("GET", `/workspaces/${id}/triggers/${json.triggerId}?wait=2s`));
    const t0 = performance.now(); await api.service.stop(); console.log("stop", (performance.now() - t0) | 0);
    await redis.kill("SIGCONT"); await redis.stop();
  }
}, 120000);
