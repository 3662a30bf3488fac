/** The situations a trigger may find a workspace in, each reached by transitions alone. */
import type { TestWorkspace } from "./workspace.ts";

const HOUR = 3_600_000;

/** Each leaves the time at its last transition. */
export const SITUATIONS: Readonly<Record<string, (workspace: TestWorkspace) => Promise<unknown>>> = {
  idle: async () => {},
  "a write fired and not begun": (workspace) => workspace.at(0).trigger("file-write"),
  "a secret waits for quiet": (workspace) => workspace.at(0).trigger("secret-change"),
  running: async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.begun();
    workspace.at(1_000);
  },
  "running, with more owed": async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.begun();
    await workspace.at(1_000).trigger("manual");
  },
  cooling: async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.cycle();
    workspace.at(30_000);
  },
  "after the cooldown": async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.cycle();
    workspace.at(60_000);
  },
  "a failed cycle waits for its retry": async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.cycle("failed");
    workspace.at(1_000);
  },
  "a declined cycle waits for the backoff": async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.cycle("declined");
    workspace.at(1_000);
  },
  "the breaker is open": async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.cycle("failed", { retryable: false });
    workspace.at(HOUR);
  },
  "in a loop": async (workspace) => {
    for (let i = 0; i < 3; i += 1) {
      await workspace.at(i * 61_000).trigger("startup");
      await workspace.cycle();
    }
    await workspace.at(183_000).trigger("startup");
  },
  held: (workspace) => workspace.at(0).hold(HOUR),
  "held, with more owed": async (workspace) => {
    await workspace.at(0).trigger("startup");
    await workspace.hold(HOUR);
  },
  paused: async (workspace) => {
    await workspace.at(0).desire("paused");
    await workspace.cycle();
  },
  "resumed and not begun": async (workspace) => {
    await workspace.at(0).desire("paused");
    await workspace.cycle();
    await workspace.at(1_000).desire("running");
  },
};
