import type { ApiMetrics } from "@restart-coordinator/service";
import { Router } from "express";
import { allow } from "../authentication.ts";

/** For Prometheus; behind a token like everything but health. */
export function metricsRoutes(metrics: ApiMetrics): Router {
  const router = Router();
  router.get("/metrics", allow("read"), async (_request, response) => {
    const { contentType, text } = await metrics.expose();
    response.set("Content-Type", contentType).end(text);
  });
  return router;
}
