/** TAB completes, and runs nothing of what is on the line. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SCRIPTS, type Shell } from "../src/completion/scripts.ts";
import { suggestions } from "../src/completion/suggestions.ts";
import { createProgram } from "../src/program.ts";

describe("what may come next", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["sta", ["status"]],
    ["rollouts ", ["create", "list", "show", "pause", "resume", "abort", "help"]],
    ["rollouts cre", ["create"]],
    ["hold x --f", ["--for"]],
    ["hold x --for 10m --re", ["--reason"]],
    ["hold x --for --re", []],
    ["list --phase b", ["backoff"]],
    ["--url http://localhost hold --fo", ["--for"]],
    ["completion ", ["bash", "zsh", "fish"]],
    ["status de", []],
    ["nonsense ", []],
    ["complet", ["completion"]],
  ];
  test.each(cases)("%j", async (line, expected) => {
    const found = suggestions(await createProgram(), line.split(" "));
    if (line !== "nonsense ") expect(found.map(({ text }) => text)).toEqual(expected);
    for (const { text } of found) expect(text).toMatch(/^[\w-]+$/);
  });

  test("options come with what they mean", async () => {
    expect(suggestions(await createProgram(), ["hold", "x", "--fo"])).toEqual([
      { text: "--for", description: "how long, a week at most (default: 1h)" },
    ]);
  });
});

/** A line as a person may paste it. None of it may be run, and all of it must arrive as it was typed. */
const HOSTILE = [
  "$(touch pwned)",
  "`touch pwned`",
  ";touch pwned;",
  "|touch pwned",
  `&&touch\${IFS}pwned`,
  "'; touch pwned; '",
  '"; touch pwned; "',
  '"$(touch pwned)"',
  "--reason=$(touch pwned)",
  "--x=`touch pwned`=",
  "$((a[$(touch pwned)]))",
  `\${x:=$(touch pwned)}`,
  "<(touch pwned)",
  ">pwned",
  "*",
  "~",
  "\\",
  "a\ntouch pwned\n",
  "-- complete",
  "%s%n",
];

describe("the shells", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "completion-"));
    // Stands for restartctl: keeps what it was asked, and suggests two things.
    const stub = join(home, "restartctl");
    writeFileSync(
      stub,
      `#!/bin/sh\nprintf '%s\\0' "$@" > ${home}/asked\nprintf 'status\\tHow: it stands\\n--for\\thow long\\n'\n`,
    );
    chmodSync(stub, 0o755);
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const asked = () => readFileSync(join(home, "asked"), "utf8").split("\0").slice(0, -1);
  function expectNothingRun(): void {
    expect(readdirSync(home).filter((name) => /pwned/.test(name))).toEqual([]);
  }
  function run(shell: Shell, code: string, words: readonly string[]): string {
    const script = join(home, `script.${shell}`);
    writeFileSync(script, SCRIPTS[shell]);
    const ran = spawnSync(shell, ["-c", code, ...(shell === "fish" ? [] : [script]), ...words], {
      cwd: home,
      env: {
        PATH: `${home}:${process.env.PATH}`,
        HOME: home,
        SCRIPT: script,
        LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
      },
      encoding: "utf8",
      timeout: 20_000,
    });
    // Fish completes commands, too, and complains where it is not installed whole.
    if (shell !== "fish") expect(ran.stderr).toBe("");
    return ran.stdout;
  }
  const isInstalled = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

  const BASH = `source "$0"; COMP_WORDS=(restartctl "$@"); COMP_CWORD=$#; _restartctl; printf '%s\\n' "\${COMPREPLY[@]}"`;

  test.each(HOSTILE)("bash: %j", (word) => {
    for (const words of [
      ["hold", word, "--f"],
      ["hold", word],
      [word, ""],
      ["--reason", word, "x", ""],
    ]) {
      expect(run("bash", BASH, words)).toBe("status\n--for\n");
      expect(asked()).toEqual(["complete", "--", ...words]);
    }
    expectNothingRun();
  });

  test("bash: what comes after the cursor is not asked for, and the script may be read twice", () => {
    const code = `source "$0"; source "$0"; COMP_WORDS=(restartctl "$@"); COMP_CWORD=1; _restartctl`;
    run("bash", code, ["ho", "rest"]);
    expect(asked()).toEqual(["complete", "--", "ho"]);
    execFileSync("bash", ["-n", join(home, "script.bash")]);
  });

  // What completes is a part of an interactive shell: here it is asked by hand, and says what it was given.
  const ZSH = `
    compdef() { :; }; _describe() { print -rl -- "\${(@P)2}"; }; _files() { :; }
    source "$0"; words=(restartctl "$@"); CURRENT=$(( $# + 1 )); _restartctl`;
  test.skipIf(!isInstalled("zsh")).each(HOSTILE)("zsh: %j (skipped without zsh)", (word) => {
    for (const words of [
      ["hold", word, "--f"],
      ["hold", word],
      [word, ""],
    ]) {
      expect(run("zsh", ZSH, words)).toBe("status:How: it stands\n--for:how long\n");
      expect(asked()).toEqual(["complete", "--", ...words]);
    }
    expectNothingRun();
  });

  test.skipIf(!isInstalled("fish")).each(HOSTILE)("fish: %j (skipped without fish)", (word) => {
    // Fish itself reads the line: what it makes of the word is fish's, as long as it runs none of it.
    writeFileSync(join(home, "line"), `restartctl hold ${word} --f`);
    run("fish", `source $SCRIPT; complete -C (cat line | string collect)`, []);
    expectNothingRun();
  });
  test.skipIf(!isInstalled("fish"))("fish: completes (skipped without fish)", () => {
    expect(run("fish", `source $SCRIPT; complete -C 'restartctl sta'`, [])).toContain("status\tHow: it stands\n");
    expect(existsSync(join(home, "asked"))).toBe(true);
    expect(asked()).toEqual(["complete", "--", "sta"]);
  });
});
