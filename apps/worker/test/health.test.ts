/** What the worker serves beside its work: health, readiness, metrics. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigurationError, readEnvironment, workerEnvironment } from "@restart-coordinator/service";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { HealthService } from "../src/health-service.ts";

const TOKEN = "worker-metrics-0123456789";

async function serve(settings: Readonly<Record<string, string>>, reason?: string): Promise<string> {
  const config = readEnvironment(workerEnvironment, { METRICS_PORT: "0", ...settings });
  const metrics = async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", text: "restart_x 1\n" });
  const service = new HealthService(config, { notReady: async () => reason, metrics }, pino({ level: "silent" }));
  onTestFinished(() => service.stop());
  await service.start();
  if (service.url === undefined) throw new Error("expected a server");
  return service.url;
}

async function ask(url: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { ...init, headers: { connection: "close", ...init.headers } });
  return { status: response.status, text: await response.text() };
}

describe("without METRICS_TOKEN", () => {
  test("anybody on this machine may read the metrics", async () => {
    const url = await serve({});
    expect(await ask(`${url}/metrics`)).toEqual({ status: 200, text: "restart_x 1\n" });
    expect(new URL(url).hostname).toBe("127.0.0.1");
  });

  test.each(["0.0.0.0", "10.1.2.3", "::", "worker.example.org"])("it does not listen on %s", async (METRICS_HOST) => {
    await expect(serve({ METRICS_HOST })).rejects.toThrow(ConfigurationError);
    await expect(serve({ METRICS_HOST })).rejects.toThrow(/METRICS_TOKEN/);
  });
});

describe("with METRICS_TOKEN", () => {
  test("the metrics ask for it, health does not", async () => {
    const url = await serve({ METRICS_HOST: "0.0.0.0", METRICS_TOKEN: TOKEN });
    const local = url.replace("0.0.0.0", "127.0.0.1");
    const withToken = (token: string) => ask(`${local}/metrics`, { headers: { authorization: token } });
    for (const wrong of ["", "Bearer", `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, TOKEN, `Basic ${TOKEN}`]) {
      expect((await withToken(wrong)).status, wrong).toBe(401);
    }
    expect((await withToken(`Bearer ${TOKEN}`)).status).toBe(200);
    expect((await withToken(`bearer ${TOKEN}`)).status).toBe(200);
    expect((await ask(`${local}/healthz`)).status).toBe(200);
    expect((await ask(`${local}/readyz`)).status).toBe(200);
  });

  test("one that is short, or no header can carry, is refused at the start and not repeated", () => {
    for (const METRICS_TOKEN of ["short", "with a space in it, long"]) {
      const read = () => readEnvironment(workerEnvironment, { METRICS_TOKEN });
      expect(read).toThrow(/METRICS_TOKEN: expected 16 or more/);
      expect(read).not.toThrow(new RegExp(METRICS_TOKEN));
    }
  });
});

test("it serves nothing else, and changes nothing", async () => {
  const url = await serve({});
  expect((await ask(`${url}/`)).status).toBe(404);
  expect((await ask(`${url}/metrics/../admin`)).status).toBe(404);
  expect((await ask(`${url}/metrics`, { method: "POST" })).status).toBe(405);
  expect((await ask(`${url}/healthz?probe=1`)).status).toBe(200);
});

test("one that takes no restarts says why, and is alive all the same", async () => {
  const url = await serve({}, "it is going down");
  expect(await ask(`${url}/readyz`)).toEqual({
    status: 503,
    text: '{"status":"not ready","reason":"it is going down"}',
  });
  expect((await ask(`${url}/healthz`)).status).toBe(200);
});

test("without METRICS_PORT nothing is served", async () => {
  const config = readEnvironment(workerEnvironment, {});
  const parts = { notReady: async () => undefined, metrics: () => Promise.reject() };
  const service = new HealthService(config, parts, pino({ level: "silent" }));
  onTestFinished(() => service.stop());
  await service.start();
  expect(service.url).toBeUndefined();
});

test("a port that is taken is told in plain words", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  const METRICS_PORT = String((other.address() as AddressInfo).port);
  await expect(serve({ METRICS_PORT })).rejects.toThrow(`METRICS_PORT ${METRICS_PORT} on 127.0.0.1 is taken`);
});
