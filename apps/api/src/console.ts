/** The console's files, as its build made them: the page at `/`, and what it loads. Their names tell their content. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { RequestHandler } from "express";
import sirv from "sirv";

/** The page asks this server alone, and runs nothing that did not come in a file from here. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

const YEAR_S = 31_536_000;

/** Where `pnpm build` puts them. */
function builtConsole(): string {
  const { resolve } = createRequire(import.meta.url);
  return join(dirname(resolve("@restart-coordinator/console/package.json")), "dist");
}

/** Serves them to anybody: they hold nothing that is secret. What is none of them is left to the routes. */
export function consoleFiles(directory = builtConsole()): RequestHandler {
  if (!existsSync(join(directory, "index.html"))) return notBuilt;
  const files = sirv(directory, {
    brotli: true,
    gzip: true,
    etag: true,
    maxAge: YEAR_S,
    immutable: true,
    setHeaders(response, path) {
      for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
      if (path === "/" || path === "/index.html") response.setHeader("Cache-Control", "no-cache");
    },
  });
  return (request, response, next) => {
    if (request.path === "/" || request.path.startsWith("/assets/")) files(request, response, next);
    else next();
  };
}

const notBuilt: RequestHandler = (request, response, next) => {
  if (request.path !== "/") next();
  else
    response
      .status(503)
      .type("text/plain")
      .send("The console is not built: run `npx pnpm build`, then start this again.\n");
};
