import { expect } from "vitest";
import { test } from "./support/bench.ts";

test("a worker tells of one that was due, and whose cycle cannot begin", async ({ useBench }) => {
  const bench = useBench({ hints: false });
  const { keys } = bench.coordinator.installation;
  await bench.coordinator.registry.register("w", {});
  await bench.coordinator.trigger("w", { source: "manual" });
  await bench.redis.del(keys.forWorkspace("state", "w"));
  const worker = bench.workerProcess();
  expect(await worker.logged(/has vanished/)).toMatchObject({ workspaceId: "w", level: 50 });
});
