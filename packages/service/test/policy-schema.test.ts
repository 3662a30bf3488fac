import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";
import { loadPolicies } from "../src/index.ts";
import { policyFile } from "../src/policy-file/index.ts";

const ROOT = new URL("../../../", import.meta.url);
const at = (path: string) => fileURLToPath(new URL(path, ROOT));

// `npx vitest run packages/service/test/policy-schema.test.ts --update` writes it anew.
test("the published JSON schema is the one that files are checked by", async () => {
  const schema = JSON.stringify(z.toJSONSchema(policyFile, { target: "draft-7" }), null, 2);
  await expect(`${schema}\n`).toMatchFileSnapshot(at("schema/policy.schema.json"));
});

test("the example is a policy file that works, with every part of one", () => {
  const policies = loadPolicies({ RESTART_POLICY_FILE: at("examples/policy.yaml") });
  expect(policies.overrides.length).toBeGreaterThan(1);
  const text = readFileSync(at("examples/policy.yaml"), "utf8");
  for (const field of Object.keys(policyFile.shape)) if (field !== "$schema") expect(text).toContain(`${field}:`);
});
