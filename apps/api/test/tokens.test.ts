import { ConfigurationError } from "@restart-coordinator/service";
import { describe, expect, test } from "vitest";
import { Tokens } from "../src/authentication.ts";

const SECRET = "correct-horse-battery";

/** What is wrong with API_TOKENS, a line for each problem. */
function problems(text: string): string[] {
  try {
    Tokens.parse(text);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message.split("\n  - ").slice(1);
  }
  return [];
}

describe("API_TOKENS", () => {
  test("is read as name:scope:token, separated by commas", () => {
    const tokens = Tokens.parse(
      `ci:trigger:${SECRET}-1, grafana:read:${SECRET}-2 ,\tops@example.org:admin:${SECRET}-3`,
    );
    expect(tokens.find(`${SECRET}-1`)).toMatchObject({ name: "ci", scope: "trigger" });
    expect(tokens.find(`${SECRET}-2`)).toMatchObject({ name: "grafana", scope: "read" });
    expect(tokens.find(`${SECRET}-3`)).toMatchObject({ name: "ops@example.org", scope: "admin" });
    expect(tokens.find(SECRET)).toBeUndefined();
    expect(tokens.find("")).toBeUndefined();
  });

  test("a token may have colons and all else a header can carry", () => {
    const secret = "a:b:c=/+~!#$%&'*;<>";
    expect(Tokens.parse(`x:read:${secret}`).find(secret)).toMatchObject({ name: "x", scope: "read" });
  });

  test("one name may have several tokens, so that they can be changed without a gap", () => {
    const tokens = Tokens.parse(`ci:trigger:${SECRET}-old,ci:trigger:${SECRET}-new`);
    expect([tokens.find(`${SECRET}-old`)?.name, tokens.find(`${SECRET}-new`)?.name]).toEqual(["ci", "ci"]);
  });

  test.each([
    ["just a token", SECRET, "expected name:scope:token"],
    ["no scope", `ci:${SECRET}`, "expected name:scope:token"],
    ["an empty name", `:read:${SECRET}`, "expected name:scope:token"],
    ["an empty scope", `ci::${SECRET}`, "expected name:scope:token"],
    ["an empty token", "ci:read:", "expected name:scope:token"],
    [
      "an unknown scope",
      `ci:write:${SECRET}`,
      "expected one of the scopes read, trigger, operate, admin, alerts after the name",
    ],
    [
      "a scope in capitals",
      `ci:READ:${SECRET}`,
      "expected one of the scopes read, trigger, operate, admin, alerts after the name",
    ],
    [
      "token and scope swapped",
      `ci:${SECRET}:read`,
      "expected one of the scopes read, trigger, operate, admin, alerts after the name",
    ],
    ["token and name swapped", `${SECRET}:read:ci`, "the token has fewer than 16 characters"],
    ["a name with a space", `the ci:read:${SECRET}`, "expected a name of 1 to 64 letters, digits or . _ @ -"],
    ["a long name", `${"x".repeat(65)}:read:${SECRET}`, "expected a name of 1 to 64 letters, digits or . _ @ -"],
    ["a short token", "ci:read:fifteen-letters", "the token has fewer than 16 characters"],
    [
      "a token with a space",
      `ci:read:${SECRET} ${SECRET}`,
      "the token has characters no header can carry, such as a space",
    ],
    [
      "a token in another script",
      "ci:read:пароль-из-букв-кириллицы",
      "the token has characters no header can carry, such as a space",
    ],
  ])("with %s is refused, and the message does not tell the token", (_, text, problem) => {
    expect(problems(text)).toEqual([`API_TOKENS, entry 1: ${problem}`]);
    expect(problems(text).join()).not.toContain(SECRET);
  });

  test("two entries with one token are refused: whose would a request be?", () => {
    expect(problems(`a:read:${SECRET},b:admin:${SECRET}`)).toEqual([
      "API_TOKENS, entry 2: another entry has the same token",
    ]);
  });

  test("all problems are told at once, by the number of the entry", () => {
    expect(problems(`ok:read:${SECRET},x,ci:root:${SECRET}-2,`)).toEqual([
      "API_TOKENS, entry 2: expected name:scope:token",
      "API_TOKENS, entry 3: expected one of the scopes read, trigger, operate, admin, alerts after the name",
      "API_TOKENS, entry 4: expected name:scope:token",
    ]);
  });
});

test("a generated token has every right, is long, and is another each time", () => {
  const [one, two] = [Tokens.generate(), Tokens.generate()];
  expect(one.tokens.find(one.secret)).toMatchObject({ name: "local", scope: "admin" });
  expect(one.tokens.find(two.secret)).toBeUndefined();
  expect(one.secret).toMatch(/^[\w-]{32}$/);
});
