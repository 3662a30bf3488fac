import { describeCondition } from "@restart-coordinator/debounce";
import type { RedisWatch } from "@restart-coordinator/service";
import { Router } from "express";

/** Without authentication: alive, and able to record what it would acknowledge. */
export function healthRoutes(redisWatch: RedisWatch): Router {
  const router = Router();
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readyz", async (_request, response) => {
    const condition = await redisWatch.condition();
    if (condition === undefined) {
      response.json({ status: "ready" });
      return;
    }
    const reason = describeCondition(condition);
    response.status(503).set("Retry-After", "1").json({ status: "not ready", reason });
  });
  return router;
}
