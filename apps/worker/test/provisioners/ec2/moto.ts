import { type Moto, NoMotoError, startMoto } from "@restart-coordinator/dev-moto";
import { Redis } from "ioredis";
import { describe } from "vitest";
import { redisUrl } from "../../../../../tests/setup/shared-redis.ts";

/**
 * Moto for the tests of one file. Undefined where there is none: they are then to be skipped, and one line says so, once
 * for the whole run. @throws Error instead, with REQUIRE_MOTO=1
 */
export async function motoForTests(): Promise<Moto | undefined> {
  try {
    return await startMoto();
  } catch (error) {
    if (!(error instanceof NoMotoError) || process.env.REQUIRE_MOTO === "1") throw error;
    if (await isFirst()) console.warn(`The tests against EC2 are not run: ${error.message}`);
    return undefined;
  }
}

/**
 * What needs EC2 to answer: there is none but moto to test against, so without it this is skipped, and `motoForTests` has
 * said so. Where the tests must not be skipped, REQUIRE_MOTO=1 has failed them before they come here.
 */
export const describeOn = (moto: Moto | undefined) => describe.skipIf(moto === undefined);

const ONE_RUN_MS = 3_600_000;

/** Files run in processes of their own: only the Redis of the run knows who came first. */
async function isFirst(): Promise<boolean> {
  const redis = new Redis(redisUrl());
  const key = `{no-moto:${process.ppid}}`;
  const first = await redis.set(key, 1, "PX", ONE_RUN_MS, "NX");
  redis.disconnect();
  return first !== null;
}
