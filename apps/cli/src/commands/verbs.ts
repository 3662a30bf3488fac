import { Command, Option } from "commander";
import { type Hold, pathOf } from "../answers.ts";
import { duration } from "../duration.ts";
import { print, printJson } from "../output.ts";
import { clock } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface Flags extends Settings {
  readonly reason?: string;
  readonly for?: number;
  readonly hold?: string;
  readonly all?: true;
  readonly cascade?: true;
}

/** What operators do to one workspace: a route each, and the answer in words. */
interface Verb {
  readonly name: string;
  readonly description: string;
  readonly said: (answer: Readonly<Record<string, unknown>>) => string;
  /** It takes no reason. */
  readonly bare?: true;
  /** It may take descendants along. */
  readonly cascades?: true;
}

const desired = ({ desired: what, changed, descendants }: Readonly<Record<string, unknown>>): string => {
  const along =
    Array.isArray(descendants) && descendants.length > 0 ? `, with ${descendants.length} of its descendants` : "";
  return `shall be ${what}${changed ? "" : ", as it was"}${along}`;
};

const VERBS: readonly Verb[] = [
  {
    name: "hold",
    description: "Hold restarts back for a while; triggers pile up",
    said: ({ endsAt, heldUntil }) =>
      `held until ${clock(String(endsAt))}${heldUntil === endsAt ? "" : `; others hold it until ${clock(String(heldUntil))}`}`,
  },
  {
    name: "release",
    description: "End your holds, a named one, or all",
    bare: true,
    said: ({ released, heldUntil, holds }) => {
      const what = released ? "released" : heldUntil === null ? "was not held" : "no such hold was released";
      if (heldUntil === null) return what;
      const owners = (holds as readonly Hold[]).map(({ owner }) => owner);
      return `${what}; still held until ${clock(String(heldUntil))} by ${[...new Set(owners)].join(", ")}`;
    },
  },
  {
    name: "cancel",
    description: "Drop what is owed; a running cycle is asked to stop at its next safe point",
    said: ({ canceled, stopping }) => `${canceled} canceled${stopping ? "; the running cycle is asked to stop" : ""}`,
  },
  {
    name: "flush",
    description: "What is owed is due now",
    bare: true,
    said: ({ flushed }) => (flushed ? "due now" : "nothing is owed"),
  },
  { name: "pause", description: "Stop it, and refuse restarts until it is resumed", cascades: true, said: desired },
  { name: "resume", description: "Start a paused workspace", cascades: true, said: desired },
  { name: "hibernate", description: "Stop it until it is woken", said: desired },
  { name: "wake", description: "Start a hibernated workspace", said: desired },
];

export function verbCommands(): Command[] {
  return VERBS.map(({ name, description, said, bare, cascades }) => {
    const command = withSettings(new Command(name)).description(description).argument("<workspace>", "its id");
    if (!bare) command.option("--reason <text>", "why, in a line");
    if (cascades) command.option("--cascade", "its descendants, too");
    if (name === "hold") {
      command.option("--for <duration>", "how long, a week at most (default: 1h)", duration);
      command.option("--hold <name>", "names it, where you have several (default: your token's name)");
    }
    if (name === "release") {
      command.addOption(new Option("--hold <name>", "that one, whoever's it is").conflicts("all"));
      command.option("--all", "whoever's they are");
    }
    return command.action(async (id: string, flags: Flags) => {
      const { reason, for: holdMs, cascade, json, hold, all } = flags;
      const answer = await clientOf(flags).ask<Record<string, unknown>>("POST", pathOf(id, name), {
        body: Object.fromEntries(
          Object.entries({ reason, holdMs, hold, all }).filter(([, value]) => value !== undefined),
        ),
        query: { cascade: cascade ? "true" : undefined },
      });
      if (json) printJson(answer);
      else print(`${id}: ${said(answer)}`);
    });
  });
}
