/** A spec that no worker could carry out is refused when it comes in. */
import { apiEnvironment, ConfigurationError } from "@restart-coordinator/service";
import { describe, expect, test } from "vitest";
import { startApi } from "../src/server.ts";
import { type TestApi, useApi } from "./support/api.ts";

const launchTemplate = { name: "workspaces" };
const ec2 = useApi({ settings: { PROVISIONER: "ec2", EC2_DEFAULTS: { launchTemplate } } });
const bare = useApi({ settings: { PROVISIONER: "ec2" } });
const unknown = useApi();

async function put(api: TestApi, id: string, body: Record<string, unknown>) {
  const { status, json } = await api.ask("PUT", `/workspaces/${id}`, { body });
  return { status, fields: json.fields, detail: json.detail };
}

describe("with the workers' PROVISIONER", () => {
  test("an impossible combination is refused with 400, each problem under its field", async () => {
    const volumes = [{ id: "vol-0123456789abcdef0", device: "/dev/sdf" }];
    const { status, fields, detail } = await put(ec2, "w", { spec: { strategy: "replace", volumes, colour: "red" } });
    expect({ status, fields }).toEqual({ status: 400, fields: [{ field: "spec.colour", message: "unknown field" }] });
    expect(detail).toBe("spec.colour: unknown field");
    const impossible = await put(ec2, "w", { spec: { strategy: "replace", volumes } });
    expect(impossible).toMatchObject({ status: 400, fields: [{ field: "spec.strategy" }] });
    expect(impossible.detail).toContain("use recreate");
    expect((await ec2.ask("GET", "/workspaces/w")).status).toBe(404);
  });

  test("the spec is laid over the workers' defaults first", async () => {
    expect((await put(ec2, "by-defaults", {})).status).toBe(201);
    expect((await put(ec2, "by-defaults", { spec: { strategy: "stop-start" } })).status).toBe(200);
    const { status, fields } = await put(bare, "nothing-to-launch", {});
    expect({ status, fields }).toMatchObject({ status: 400, fields: [{ field: "spec.strategy" }] });
    expect((await put(bare, "own", { spec: { launchTemplate } })).status).toBe(201);
  });

  test("what is left out stays as it was checked; what runs elsewhere is nobody's business", async () => {
    expect((await put(bare, "kept", { spec: { launchTemplate } })).status).toBe(201);
    expect((await put(bare, "kept", { name: "another name" })).status).toBe(200);
    expect((await put(bare, "kept", { spec: null })).status).toBe(400);
    expect((await put(bare, "elsewhere", { runtime: "external" })).status).toBe(201);
  });

  test("defaults that cannot work end the start", async () => {
    const config = { ...apiEnvironment.parse({ LOG_LEVEL: "silent" }), PROVISIONER: "ec2" as const };
    const start = startApi({ ...config, EC2_DEFAULTS: { subnetIds: ["x"] } });
    await expect(start).rejects.toBeInstanceOf(ConfigurationError);
    await expect(start).rejects.toThrow("EC2_DEFAULTS.subnetIds.0: expected subnet-");
  });
});

test("without PROVISIONER any object is a spec", async () => {
  expect((await put(unknown, "anything", { spec: { colour: "red" } })).status).toBe(201);
});
