import { describe, expect, test } from "vitest";
import { type ReceiptBody, useApi } from "./support/api.ts";

const api = useApi();

interface OutcomeBody {
  readonly status: string;
  readonly rule?: string;
  readonly phase?: string;
  readonly cycleId?: string;
  readonly error?: string;
}

function outcome(receipt: ReceiptBody, query = "") {
  return api.ask<OutcomeBody>("GET", `/workspaces/${receipt.workspaceId}/triggers/${receipt.triggerId}${query}`);
}

async function triggered(id: string, source: string): Promise<ReceiptBody> {
  return (await api.trigger(id, { source })).json;
}

describe("GET /workspaces/{id}/triggers/{triggerId}", () => {
  test("follows a trigger from pending over running to the cycle that covered it", async () => {
    const id = await api.workspace();
    const receipt = await triggered(id, "file-write");
    expect((await outcome(receipt)).json).toMatchObject({ status: "pending", phase: "scheduled" });
    const lease = await api.begin(id);
    const { cycleId } = lease.cycle;
    expect((await outcome(receipt)).json).toMatchObject({ status: "running", cycleId });
    await lease.end({ outcome: "ok" });
    expect((await outcome(receipt)).json).toMatchObject({ status: "done", cycleId });
  });

  test("names the first cycle that covered it, however many came after", async () => {
    const id = await api.workspace();
    const first = await triggered(id, "manual");
    const lease = await api.begin(id);
    const second = await triggered(id, "manual");
    expect((await outcome(second)).json).toMatchObject({ status: "pending", phase: "running" });
    await lease.end({ outcome: "ok" });
    await api.cycle(id);
    expect((await outcome(first)).json).toMatchObject({ status: "done", cycleId: lease.cycle.cycleId });
    expect((await outcome(second)).json.cycleId).not.toBe(lease.cycle.cycleId);
  });

  test("waits for it to be settled when asked to", async () => {
    const id = await api.workspace();
    const receipt = await triggered(id, "manual");
    const waiting = outcome(receipt, "?wait=60s");
    await api.cycle(id);
    expect((await waiting).json).toMatchObject({ status: "done" });
  });

  test("answers how it stands when the time to wait is over", async () => {
    const id = await api.workspace();
    const receipt = await triggered(id, "manual");
    expect((await outcome(receipt, "?wait=50ms")).json).toMatchObject({ status: "pending" });
  });

  test("says by which rule it was dropped or refused", async () => {
    const id = await api.workspace();
    await triggered(id, "manual");
    await api.begin(id);
    const dropped = await triggered(id, "a2a-preflight");
    expect((await outcome(dropped)).json).toMatchObject({ status: "dropped", rule: "running" });
    const paused = await api.workspace();
    await api.post(paused, "pause");
    const refused = await triggered(paused, "file-write");
    expect((await outcome(refused)).json).toMatchObject({ status: "refused", rule: "paused" });
  });

  test("says that an operator canceled it", async () => {
    const id = await api.workspace();
    const receipt = await triggered(id, "secret-change");
    await api.post(id, "cancel");
    expect((await outcome(receipt)).json).toMatchObject({ status: "canceled" });
  });

  test("says that the restart failed for good, and why", async () => {
    const id = await api.workspace();
    const receipt = await triggered(id, "manual");
    await api.cycle(id, { outcome: "failed", error: "no such image", retryable: false });
    expect((await outcome(receipt)).json).toMatchObject({ status: "failed", error: "no such image" });
  });

  test("stays pending while a failed cycle waits for its retry", async () => {
    const id = await api.workspace();
    const receipt = await triggered(id, "manual");
    await api.cycle(id, { outcome: "failed", error: "later", retryable: true });
    expect((await outcome(receipt)).json).toMatchObject({ status: "pending", phase: "backoff" });
  });

  test("answers 404 for what is no trigger of this workspace, 400 for a time it cannot read", async () => {
    const id = await api.workspace();
    const other = await api.workspace();
    const receipt = await triggered(id, "manual");
    const ask = (path: string) => api.ask("GET", `/workspaces/${path}`);
    expect((await ask(`${id}/triggers/nonsense`)).status).toBe(404);
    expect((await ask(`${other}/triggers/${receipt.triggerId}`)).status).toBe(404);
    expect((await ask(`${id}/triggers/fired.window.99999999999999.abc.${id}`)).status).toBe(404);
    expect((await ask(`${id}/triggers/${receipt.triggerId}?wait=soon`)).status).toBe(400);
    expect((await ask(`${id}/triggers/${receipt.triggerId}?wait=61s`)).status).toBe(400);
  });
});
