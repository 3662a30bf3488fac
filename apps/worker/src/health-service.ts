/** The worker serves over HTTP whether it lives, whether it takes restarts, and its metrics. */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  BackgroundService,
  ConfigurationError,
  type Exposition,
  isLoopback,
  listen,
  type WorkerEnvironment,
} from "@restart-coordinator/service";
import type { Logger } from "pino";

const MOST_CONNECTIONS = 100;

export interface HealthParts {
  /** Says why the worker takes no restarts; undefined = it does. */
  readonly notReady: () => Promise<string | undefined>;
  readonly metrics: () => Promise<Exposition>;
}

/** The health service listens where METRICS_PORT says; without one it does nothing. */
export class HealthService extends BackgroundService {
  readonly #config: WorkerEnvironment;
  readonly #logger: Logger;
  readonly #server: Server;
  #url: string | undefined;

  constructor(config: WorkerEnvironment, parts: HealthParts, logger: Logger) {
    super("health and metrics");
    this.#config = config;
    this.#logger = logger;
    this.#server = createServer((request, response) => {
      answer(request, response, parts, config.METRICS_TOKEN).catch((error: Error) => {
        if (response.headersSent) response.destroy();
        else sendJson(response, 500, { status: "error", reason: error.message });
      });
    });
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** Tells where it listens; undefined when it does not. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Begins to listen. @throws ConfigurationError when the port is taken, or when anybody could read the metrics */
  protected override async up(): Promise<void> {
    const { METRICS_PORT: port, METRICS_HOST: host, METRICS_TOKEN: token } = this.#config;
    if (port === undefined) return;
    if (token === undefined && !isLoopback(host)) {
      throw new ConfigurationError([
        `METRICS_HOST is ${host}, which others can reach, but there is no METRICS_TOKEN: set one, or listen on 127.0.0.1`,
      ]);
    }
    const { url } = await listen(this.#server, host, port, "METRICS_PORT");
    this.#url = url;
    this.#logger.info({ url }, `health and metrics on ${url}`);
  }

  protected override async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { notReady, metrics }: HealthParts,
  token: string | undefined,
): Promise<void> {
  const [path] = (request.url ?? "").split("?");
  const route = { "/healthz": "alive", "/readyz": "ready", "/metrics": "metrics" }[path ?? ""];
  if (route === undefined) return sendJson(response, 404, { status: "not found" });
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return sendJson(response, 405, { status: "method not allowed" });
  }
  if (route === "alive") return sendJson(response, 200, { status: "ok" });
  if (route === "ready") {
    const reason = await notReady();
    return reason === undefined
      ? sendJson(response, 200, { status: "ready" })
      : sendJson(response, 503, { status: "not ready", reason });
  }
  if (token !== undefined && !isAllowed(request, token)) {
    response.setHeader("WWW-Authenticate", "Bearer");
    return sendJson(response, 401, { status: "unauthorized", reason: "send METRICS_TOKEN: Authorization: Bearer …" });
  }
  const { contentType, text } = await metrics();
  response.writeHead(200, { "Content-Type": contentType }).end(text);
}

function sendJson(response: ServerResponse, status: number, body: Readonly<Record<string, string>>): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** Compares in constant time, whatever was sent. */
function isAllowed(request: IncomingMessage, token: string): boolean {
  const [, given = ""] = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  return timingSafeEqual(digestOf(given), digestOf(token));
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
