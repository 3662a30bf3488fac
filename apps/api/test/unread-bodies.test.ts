/** Who may not ask, or asks wrongly, cannot make the process read, inflate or parse a body: the answer is there before it. */
import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { SCOPES } from "../src/authentication.ts";
import { TOKENS, useApi } from "./support/api.ts";
import { named, pathOf, ROUTES } from "./support/routes.ts";

const api = useApi();
const REFUSING = ROUTES.filter(({ scope }) => scope !== "read");

/** Sends the beginning of a body, and never its end. */
function begin(method: string, path: string, token: string): Promise<{ status?: number; connection?: string }> {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "content-encoding": "gzip",
    "content-length": 100_000,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port: api.port, method, path, headers }, (response) => {
      const { statusCode: status, headers } = response;
      resolve({ status, connection: headers.connection });
      outgoing.destroy();
    });
    outgoing.on("error", reject);
    outgoing.write(Buffer.from([0x1f, 0x8b]));
  });
}

describe("a body is not read", () => {
  test.each(named(REFUSING))("of a caller whose scope is too small: %s", async (_, route) => {
    const lesser = SCOPES[SCOPES.indexOf(route.scope) - 1] ?? "read";
    const answer = await begin(route.method, pathOf(route, "ws"), TOKENS[lesser]);
    expect(answer).toEqual({ status: 403, connection: "close" });
  });

  test("of a caller nobody knows", async () => {
    expect(await begin("PUT", "/workspaces/ws/files", "unknown")).toEqual({ status: 401, connection: "close" });
  });

  test("where there is no such route", async () => {
    expect(await begin("PUT", "/nowhere", TOKENS.admin)).toEqual({ status: 404, connection: "close" });
  });

  test("when the path or the query is wrong already", async () => {
    expect(await begin("PUT", "/workspaces/a%20b/files", TOKENS.admin)).toEqual({ status: 400, connection: "close" });
    const path = "/workspaces/ws/pause?cascade=perhaps";
    expect(await begin("POST", path, TOKENS.admin)).toEqual({ status: 400, connection: "close" });
  });
});
