import { ConfigurationError } from "../configuration-error.ts";
import type { Tracing, TracingSettings } from "./tracing.ts";

const PROTOCOLS = ["http/protobuf", "http/json"] as const;

/**
 * Reads the settings.
 * @throws ConfigurationError on what we cannot do: silence would look like a collector that gets nothing
 */
export function tracingSettings(env: NodeJS.ProcessEnv): TracingSettings | undefined {
  const given = (name: string): string | undefined => env[name]?.trim() || undefined;
  const exporter = given("OTEL_TRACES_EXPORTER");
  const endpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") ?? given("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (given("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || exporter === "none") return undefined;
  if (exporter === undefined && endpoint === undefined) return undefined;
  const problems: string[] = [];
  if (exporter !== undefined && exporter !== "otlp") {
    problems.push(`OTEL_TRACES_EXPORTER: expected otlp or none, got ${JSON.stringify(exporter)}`);
  }
  const asked = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? given("OTEL_EXPORTER_OTLP_PROTOCOL") ?? PROTOCOLS[0];
  const protocol = PROTOCOLS.find((name) => name === asked);
  if (protocol !== undefined && problems.length === 0) return { protocol };
  if (protocol === undefined) {
    problems.push(`OTEL_EXPORTER_OTLP_PROTOCOL: expected ${PROTOCOLS.join(" or ")}, got ${JSON.stringify(asked)}`);
  }
  throw new ConfigurationError(problems);
}

/**
 * Starts tracing if it is configured, and loads nothing of it if it is not. Call it before importing anything that is
 * to be instrumented.
 * @throws ConfigurationError
 */
export async function startTracing(service: string, env: NodeJS.ProcessEnv): Promise<Tracing | undefined> {
  const settings = tracingSettings(env);
  if (settings === undefined) return undefined;
  const { startSdk } = await import("./sdk.ts");
  return startSdk(service, settings);
}
