import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../src/index.ts";
import { tracingSettings } from "../src/tracing/start.ts";

const ENDPOINT = "http://collector:4318";

describe("tracing is off", () => {
  test.each<[string, Record<string, string>]>([
    ["unless it is configured", {}],
    ["with empty variables", { OTEL_EXPORTER_OTLP_ENDPOINT: "", OTEL_TRACES_EXPORTER: " " }],
    ["when the exporter is none", { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_EXPORTER: "none" }],
    ["when the SDK is disabled", { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_SDK_DISABLED: "true" }],
    ["with nothing but a name", { OTEL_SERVICE_NAME: "restarts" }],
  ])("%s", (_, env) => {
    expect(tracingSettings(env)).toBeUndefined();
  });
});

describe("tracing is on", () => {
  test.each<[string, Record<string, string>, string]>([
    ["with an endpoint", { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT }, "http/protobuf"],
    ["with one for traces", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ENDPOINT }, "http/protobuf"],
    ["with the exporter named, at the standard endpoint", { OTEL_TRACES_EXPORTER: "otlp" }, "http/protobuf"],
    ["as JSON", { OTEL_TRACES_EXPORTER: "otlp", OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }, "http/json"],
    [
      "by the protocol for traces rather than the one for all",
      {
        OTEL_TRACES_EXPORTER: "otlp",
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
      },
      "http/json",
    ],
  ])("%s", (_, env, protocol) => {
    expect(tracingSettings(env)).toEqual({ protocol });
  });
});

test("what we cannot do is an error, not silence", () => {
  const env = { OTEL_TRACES_EXPORTER: "zipkin", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  expect(() => tracingSettings(env)).toThrow(ConfigurationError);
  expect(() => tracingSettings(env)).toThrow('OTEL_TRACES_EXPORTER: expected otlp or none, got "zipkin"');
  expect(() => tracingSettings(env)).toThrow(
    'OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or http/json, got "grpc"',
  );
});
