import { Router } from "express";
import { allow } from "../authentication.ts";
import { openApiDocument } from "../openapi/document.ts";

/** The document that describes these routes; behind a token like everything but health. */
export function openApiRoutes(): Router {
  const router = Router();
  let text: string | undefined;

  router.get("/openapi.json", allow("read"), (_request, response) => {
    text ??= JSON.stringify(openApiDocument());
    response.type("application/json").send(text);
  });
  return router;
}
