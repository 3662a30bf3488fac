import { describe, expect, test } from "vitest";
import { LazyAbort } from "../src/lazy-abort.ts";

const first = new Error("first");
const second = new Error("second");

function heardBy(abort: LazyAbort): unknown[] {
  const heard: unknown[] = [];
  abort.onAbort((reason) => heard.push(reason));
  return heard;
}

describe("an abort whose signal is made late", () => {
  test("tells its listeners and its signal once, with the first reason", () => {
    const abort = new LazyAbort();
    const heard = heardBy(abort);
    const { signal } = abort;
    abort.abort(first);
    abort.abort(second);
    expect(heard).toEqual([first]);
    expect(signal.reason).toBe(first);
    expect(() => abort.throwIfAborted()).toThrow(first);
  });

  test("tells those who ask after it has happened", () => {
    const abort = new LazyAbort();
    abort.abort(first);
    expect(heardBy(abort)).toEqual([first]);
    expect(abort.signal.aborted).toBe(true);
    expect(abort.signal.reason).toBe(first);
  });

  test("always gives the same signal", () => {
    const abort = new LazyAbort();
    const { signal } = abort;
    abort.abort(first);
    expect(abort.signal).toBe(signal);
  });

  test("does nothing until then", () => {
    const abort = new LazyAbort();
    expect(heardBy(abort)).toEqual([]);
    expect(abort.aborted).toBe(false);
    expect(() => abort.throwIfAborted()).not.toThrow();
  });
});

describe("an abort that follows a signal", () => {
  test("happens when the signal fires, for its reason", () => {
    const followed = new AbortController();
    const abort = new LazyAbort();
    abort.follow(followed.signal);
    expect(abort.aborted).toBe(false);
    followed.abort(first);
    expect(abort.signal.reason).toBe(first);
  });

  test("happens at once when the signal has fired", () => {
    const abort = new LazyAbort();
    abort.follow(AbortSignal.abort(first));
    expect(heardBy(abort)).toEqual([first]);
  });

  test("does not happen once it unfollows the signal", () => {
    const followed = new AbortController();
    const abort = new LazyAbort();
    abort.follow(followed.signal);
    abort.unfollow(followed.signal);
    followed.abort(first);
    expect(abort.aborted).toBe(false);
  });
});
