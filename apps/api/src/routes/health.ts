import { Router } from "express";
import type { Cluster, Redis } from "ioredis";

/** Without authentication: alive, and able to acknowledge. */
export function healthRoutes(redis: Redis | Cluster): Router {
  const router = Router();
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readyz", async (_request, response) => {
    try {
      await redis.ping();
      response.json({ status: "ready" });
    } catch {
      response.status(503).set("Retry-After", "1").json({ status: "not ready", reason: "Redis is away" });
    }
  });
  return router;
}
