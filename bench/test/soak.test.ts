import { expect, test } from "vitest";
import { runSoak } from "../src/soak/run.ts";
import { trendsOf } from "../src/soak/samples.ts";

test("the soak runs on a Cluster with three workers, and nothing is answered wrongly", {
  timeout: 180_000,
}, async () => {
  const result = await runSoak(0.05, () => {});
  expect(result.surprises).toEqual({});
  expect(result.asked).toBeGreaterThan(40);
  expect(result.trends.map(({ what }) => what)).toEqual(
    expect.arrayContaining(["connections", "keys", "redis MiB", "api 1 MiB", "worker 3 MiB"]),
  );
});

test("what grows is seen, what only warms up is not held against anybody", () => {
  const verdicts = (values: number[]) => trendsOf(values.map((connections) => ({ connections })));
  expect(verdicts([1, 5, 10, 10, 10, 10, 10, 11, 10])).toMatchObject([{ isFlat: true }]);
  expect(verdicts([10, 10, 10, 12, 13, 14, 16, 18, 20])).toMatchObject([{ before: 13, after: 18, isFlat: false }]);
  expect(() => trendsOf([{ keys: 1 }])).toThrow("at least three samples");
});
