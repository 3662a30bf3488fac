/** A webhook's secret is replaced while its receiver still knows the old one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { verify } from "./support/receiver.ts";
import { useSituation } from "./support/situation.ts";

const situation = useSituation();
const { registry, name, happen } = situation;

const secretOf = (n: number) => `whsec_${Buffer.alloc(32, n).toString("base64")}`;
const [FIRST, SECOND, THIRD] = [1, 2, 3].map(secretOf) as [string, string, string];

async function webhook() {
  const receiver = await situation.receiver();
  const id = name("hook");
  const workspace = name("ws");
  const entry = { url: receiver.url, workspaces: [workspace], format: "standard", enabled: true } as const;
  const rotate = (secret: string, secretOverlapMs?: number) => registry.put(id, { ...entry, secret, secretOverlapMs });
  await rotate(FIRST);
  let received = 0;
  const next = async () => {
    await happen(workspace);
    received += 1;
    return (await receiver.until(received))[received - 1] as Parameters<typeof verify>[1];
  };
  return { id, rotate, next };
}

describe("a secret that replaces another", () => {
  test("signs together with it for a day, so that a receiver with either of them can verify", async () => {
    const { id, rotate, next } = await webhook();
    await rotate(SECOND);
    situation.dispatcher();
    const received = await next();
    for (const secret of [FIRST, SECOND]) expect(verify(secret, received)).toMatchObject({ type: "WORKSPACE_HELD" });
    expect(() => verify(THIRD, received)).toThrow();
    const { previous } = (await registry.get(id)) ?? {};
    const [seconds] = await situation.redis.time();
    expect(previous?.until).toBeGreaterThan(Number(seconds) * 1_000 + 86_000_000);
  });

  test("signs alone once that time is over", async () => {
    const { id, rotate, next } = await webhook();
    await rotate(SECOND, 1);
    situation.dispatcher();
    const received = await next();
    expect(verify(SECOND, received)).toBeDefined();
    expect(() => verify(FIRST, received)).toThrow();
    expect((await registry.get(id))?.previous).toBeUndefined();
  });

  test("signs alone at once when that is asked for, because the old one leaked", async () => {
    const { id, rotate, next } = await webhook();
    await rotate(SECOND);
    await rotate(THIRD, 0);
    expect((await registry.get(id))?.previous).toBeUndefined();
    situation.dispatcher();
    const received = await next();
    for (const secret of [FIRST, SECOND]) expect(() => verify(secret, received)).toThrow();
    expect(verify(THIRD, received)).toBeDefined();
  });

  test("and is given once more changes nothing: the overlap goes on", async () => {
    const { id, rotate } = await webhook();
    await rotate(SECOND);
    const { previous } = (await registry.get(id)) ?? {};
    await rotate(SECOND);
    expect((await registry.get(id))?.previous).toEqual(previous);
  });
});

test("the example in the documentation verifies Node's headers and those of a fetch handler", async () => {
  const page = readFileSync(new URL("../../../docs/webhooks.md", import.meta.url), "utf8");
  const [, example = ""] = /```js\n(.*?)```/s.exec(page) ?? [];
  // Where the library can be found.
  const folder = mkdtempSync(join(fileURLToPath(new URL("../node_modules/", import.meta.url)), "example-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "example.mjs"), example);
  const { verified } = (await import(join(folder, "example.mjs"))) as {
    verified(secret: string, body: string, headers: unknown): unknown;
  };
  const { rotate, next } = await webhook();
  await rotate(SECOND);
  situation.dispatcher();
  const { body, headers } = await next();
  const request = new Request("http://localhost/hook", {
    method: "POST",
    body,
    headers: Object.entries(headers) as [string, string][],
  });
  for (const secret of [FIRST, SECOND]) {
    expect(verified(secret, body, headers)).toEqual(JSON.parse(body));
    expect(verified(secret, await request.clone().text(), request.headers)).toEqual(JSON.parse(body));
  }
  expect(() => verified(THIRD, body, request.headers)).toThrow(/signature/);
});
