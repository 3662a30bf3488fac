import { expect, test, vi } from "vitest";
import { BackgroundService, StillUnderWayError } from "../../src/index.ts";

function recorded(parts: { start?: () => unknown; stop?: () => unknown; stopWithinMs?: number } = {}) {
  const start = vi.fn(parts.start);
  const stop = vi.fn(parts.stop);
  return { start, stop, service: new BackgroundService("it", { ...parts, start, stop }) };
}

/** A promise that is settled by hand. */
function byHand() {
  let settle: (error?: Error) => void = () => {};
  const promise = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  return { promise, settle: (error?: Error) => settle(error) };
}

test("a service that is started twice starts once, and both calls wait for it", async () => {
  const up = byHand();
  const { start, service } = recorded({ start: () => up.promise });
  const order: string[] = [];
  const both = [service.start(), service.start()].map((call) => call.then(() => order.push("started")));
  order.push("not yet");
  up.settle();
  await Promise.all(both);
  expect(order).toEqual(["not yet", "started", "started"]);
  expect(start).toHaveBeenCalledOnce();
});

test("a service that is stopped twice stops once, and both calls wait for it", async () => {
  const down = byHand();
  const { stop, service } = recorded({ stop: () => down.promise });
  await service.start();
  const order: string[] = [];
  const both = [service.stop(), service.stop()].map((call) => call.then(() => order.push("stopped")));
  await vi.waitFor(() => expect(stop).toHaveBeenCalled());
  order.push("not yet");
  down.settle();
  await Promise.all(both);
  expect(order).toEqual(["not yet", "stopped", "stopped"]);
  expect(stop).toHaveBeenCalledOnce();
});

test("a service that is stopped before its start lets go of what it has, and starts no more", async () => {
  const { start, stop, service } = recorded();
  await service.stop();
  expect(stop).toHaveBeenCalledOnce();
  await service.start();
  expect(start).not.toHaveBeenCalled();
});

test("a stop that comes during the start waits for it", async () => {
  const up = byHand();
  const { stop, service } = recorded({ start: () => up.promise });
  const started = service.start();
  const stopped = service.stop();
  expect(stop).not.toHaveBeenCalled();
  up.settle();
  await Promise.all([started, stopped]);
  expect(stop).toHaveBeenCalledOnce();
});

test("a start that fails rejects for whoever started it, and the service can be stopped all the same", async () => {
  const { stop, service } = recorded({ start: () => Promise.reject(new Error("no room")) });
  await expect(service.start()).rejects.toThrow("no room");
  await service.stop();
  expect(stop).toHaveBeenCalledOnce();
});

test("a stop is bounded: it rejects, and says what is still under way", async () => {
  const { service } = recorded({ stop: () => new Promise(() => {}), stopWithinMs: 20 });
  const stopped = service.stop();
  await expect(stopped).rejects.toThrow("it: still under way 20 ms after the stop; it is left to itself");
  await expect(stopped).rejects.toBeInstanceOf(StillUnderWayError);
});

test("a stop is bounded while the start hangs, too", async () => {
  const { service } = recorded({ start: () => new Promise(() => {}), stopWithinMs: 20 });
  void service.start();
  await expect(service.stop()).rejects.toBeInstanceOf(StillUnderWayError);
});

test("a stop that fails is no matter of time: it rejects with what went wrong", async () => {
  const { service } = recorded({ stop: () => Promise.reject(new Error("stuck")) });
  await expect(service.stop()).rejects.toThrow("stuck");
});

test("what is under way hears of the stop by a signal, before it is waited for", async () => {
  class Listening extends BackgroundService {
    heard = "";
    constructor() {
      super("the listener");
    }
    protected override async up(): Promise<void> {
      this.stopping.addEventListener("abort", () => {
        this.heard = (this.stopping.reason as Error).message;
      });
    }
    protected override async down(): Promise<void> {
      expect(this.heard).toBe("the listener was told to stop");
    }
  }
  const service = new Listening();
  await service.start();
  await service.stop();
});
