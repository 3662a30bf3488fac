import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { IdempotencyConflictError } from "../src/errors.ts";
import { Installation } from "../src/installation/installation.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();

function replica(): RestartCoordinator {
  return new RestartCoordinator(new Installation({ redis: own.connect(), prefix: own.prefix }));
}

describe("a request repeated under its idempotency key", () => {
  test("gets the first receipt, its id too, at any replica", async () => {
    const [here, there] = [replica(), replica()];
    await here.registry.register("ws", {});
    const request = { source: "file-write", idempotency: { key: "k1", body: "b" } };
    const first = await here.trigger("ws", request);
    await here.trigger("ws", { source: "secret-change" });
    expect(await there.trigger("ws", request)).toEqual(first);
    expect((await here.workspace("ws"))?.restart.why).toMatchObject([
      { source: "file-write", count: 1 },
      { source: "secret-change", count: 1 },
    ]);
  });

  test("is refused with another body", async () => {
    const here = replica();
    await here.registry.register("ws-2", {});
    await here.trigger("ws-2", { source: "file-write", idempotency: { key: "k1", body: "b" } });
    const other = here.trigger("ws-2", { source: "file-write", idempotency: { key: "k1", body: "c" } });
    await expect(other).rejects.toThrow(IdempotencyConflictError);
  });
});
