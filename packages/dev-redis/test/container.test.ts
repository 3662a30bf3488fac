import { expect, onTestFinished, test } from "vitest";
import { startContainer, whyNoContainer } from "../src/container.ts";
import { connect } from "./support/client.ts";

const obstacle = await whyNoContainer();

if (obstacle !== undefined) console.info(`Skipped, Redis in a container: ${obstacle}.`);

test.skipIf(obstacle)("a container, killed and restarted, has the same port and its data", async () => {
  const redis = await startContainer({ appendOnly: true, appendfsync: "always" });
  onTestFinished(() => redis.stop());
  const { url } = redis;
  await connect(url).set("kept", "yes");

  await redis.kill();
  await expect(connect(url).ping()).rejects.toThrow();
  await redis.restart();

  expect(redis).toMatchObject({ url, source: "docker" });
  expect(await connect(url).get("kept")).toBe("yes");
});
