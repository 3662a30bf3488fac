/** What a JSON body may be, and how it may come. */
import { once } from "node:events";
import { type IncomingMessage, Server, ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { BodyBudget } from "../src/body/budget.ts";
import { LongStrings } from "../src/body/long-strings.ts";
import { keepingPace } from "../src/body/pace.ts";
import { useApi } from "./support/api.ts";
import { named, pathOf, ROUTES } from "./support/routes.ts";

const api = useApi();
const WITH_JSON = ROUTES.filter(({ body }) => typeof body === "object");

describe("a compressed body is not inflated", () => {
  test.each(named(WITH_JSON))("%s", async (_, route) => {
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    const answer = await api.ask(route.method, pathOf(route, "ws"), { body: gzipSync("{}"), headers });
    expect(answer).toMatchObject({ status: 415, json: { title: "Unsupported media type" } });
  });
});

test("a body where no token is asked for is refused like any other", async () => {
  const headers = { "content-type": "application/json" };
  const answer = await api.ask("GET", "/healthz", { token: undefined, body: '{"a":1}', headers });
  expect(answer).toMatchObject({ status: 400, json: { fields: [{ field: "a" }] } });
});

test("a body nested too deep is refused, and the way to it is told", async () => {
  const id = await api.workspace();
  const deep = `{"spec":{"a":${"[".repeat(1_000)}${"]".repeat(1_000)}}}`;
  const headers = { "content-type": "application/json" };
  const answer = await api.ask("PUT", `/workspaces/${id}`, { body: deep, headers });
  expect(answer).toMatchObject({ status: 400, json: { fields: [{ field: "spec.a.0" }] } });
});

describe("the files of a set", () => {
  const put = async (body: string | Buffer) => {
    const id = await api.workspace();
    const headers = { "content-type": "application/json" };
    const answer = await api.ask("PUT", `/workspaces/${id}/files`, { body, headers });
    const read = async (path: string) => (await api.ask("GET", `/workspaces/${id}/files/${path}`)).bytes;
    return { answer, read };
  };

  test.each([
    ["short", 'x\u00e9\n"\\'],
    ["long", "x\u00e9\u{1f600}".repeat(10_000)],
    ["long, with escapes", 'a\\"\n\u0001\u{1f600}'.repeat(10_000)],
  ])("arrive as they were sent: %s", async (_, text) => {
    const bytes = Buffer.from(text);
    const { answer, read } = await put(JSON.stringify({ files: { text, raw: { base64: bytes.toString("base64") } } }));
    expect(answer.status).toBe(200);
    expect(await read("text")).toEqual(bytes);
    expect(await read("raw")).toEqual(bytes);
  });

  test.each([
    ["half a character", `{"files":{"a":"${"x".repeat(20_000)}\\ud800"}}`, "files.a"],
    ["a control character", `{"files":{"a":"${"x".repeat(20_000)}\n"}}`, "files.a"],
    ["what is not base64", `{"files":{"a":{"base64":"${"x".repeat(20_000)}!aaa"}}}`, "files.a.base64"],
    ["what is no file", '{"files":{"a":1}}', "files.a"],
    ["a name that is none", '{"files":{"__proto__":"x"}}', "files"],
    ["half a body", '{"files":{"a":"x"}', "body"],
    ["more than a body", '{"files":{"a":"x"}}{}', "body"],
    ["an unknown field", '{"files":{},"more":1}', "more"],
    ["a list", '{"files":[]}', "files"],
  ])("are refused with %s", async (_, body, field) => {
    const { answer } = await put(body);
    expect(answer).toMatchObject({ status: 400, json: { fields: [{ field }] } });
  });

  test("are cut anywhere on their way", () => {
    const text = Buffer.from(JSON.stringify({ a: '\\"'.repeat(3), b: 'x\\"y'.repeat(5_000), c: "" }));
    const whole: string[] = [];
    for (const size of [1, 2, 3, 7, text.length]) {
      const rest: Buffer[] = [];
      const long = new LongStrings((piece) => rest.push(piece));
      for (let at = 0; at < text.length; at += size) long.push(text.subarray(at, at + size));
      const { a, b } = JSON.parse(Buffer.concat(rest).toString()) as { a: string; b: string };
      whole.push(a + long.of(b)?.text().toString());
    }
    expect(new Set(whole)).toEqual(new Set([`${'\\"'.repeat(3)}${'x\\"y'.repeat(5_000)}`]));
  });
});

describe("the room for bodies", () => {
  const limits = { bytes: 100, bytesPerCaller: 60, waitingPerCaller: 2, waitMs: 60_000 };
  const response = () => new ServerResponse({ method: "PUT" } as IncomingMessage);

  test("is shared: who fills his part waits for his own, and stands in nobody's way", async () => {
    const budget = new BodyBudget(limits);
    const release = await budget.enter("a", 60, response());
    const entered: string[] = [];
    const second = budget.enter("a", 10, response()).then(() => entered.push("a"));
    (await budget.enter("b", 40, response()))();
    expect(entered).toEqual([]);
    release();
    await second;
    expect(entered).toEqual(["a"]);
  });

  test("has a short queue, which who goes away leaves", async () => {
    const budget = new BodyBudget(limits);
    const release = await budget.enter("a", 60, response());
    const gone = response();
    const leaving = budget.enter("a", 10, gone);
    const waiting = budget.enter("a", 10, response());
    await expect(budget.enter("a", 10, response())).rejects.toMatchObject({ details: { status: 503 } });
    gone.emit("close");
    await expect(leaving).rejects.toMatchObject({ details: { title: "Gone" } });
    release();
    await waiting;
  });

  test("is waited for no longer than a while", async () => {
    const budget = new BodyBudget({ ...limits, waitMs: 1 });
    await budget.enter("a", 60, response());
    await expect(budget.enter("a", 10, response())).rejects.toMatchObject({ details: { status: 503 } });
  });
});

test("a body that trickles in is given up", async () => {
  const server = new Server();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const asked = new Promise<IncomingMessage>((resolve) => server.once("request", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  socket.write("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx");
  const reading = new Promise<never>(() => {});
  const slow = keepingPace(await asked, { graceMs: 10, bytesPerSecond: 1_000_000 }, reading);
  await expect(slow).rejects.toMatchObject({ details: { status: 408 } });
  socket.destroy();
  server.closeAllConnections();
  await once(server.close(), "close");
});
