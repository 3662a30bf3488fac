import { Command } from "commander";
import { EXIT, Failure } from "../exit-codes.ts";
import { oneLine, print, printJson, table } from "../output.ts";
import { clock } from "../phrases.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly status: string;
  readonly delivered: number;
  readonly setAside: number;
  readonly failure: { readonly error: string } | null;
  readonly disabled: { readonly reason: string } | null;
}

interface SetAside {
  readonly id: string;
  readonly event: string;
  readonly workspaceId: string | null;
  readonly error: string;
  readonly setAsideAt: string;
}

interface Sent {
  readonly taken: boolean;
  readonly error: string | null;
}

export function webhooksCommand(): Command {
  const group = new Command("webhooks").description("How webhooks fare, and what they did not take");
  for (const command of [listCommand(), setAsideCommand(), sendCommand(), forgetCommand()]) group.addCommand(command);
  return group;
}

const pathOf = (id: string, ...rest: readonly string[]): string =>
  `/webhooks/${[id, ...rest].map(encodeURIComponent).join("/")}`;

function listCommand(): Command {
  return withSettings(new Command("list"))
    .description("List webhooks and how each one fares")
    .action(async (flags: Settings) => {
      const answer = await clientOf(flags).ask<{ webhooks: Webhook[] }>("GET", "/webhooks");
      if (flags.json) return printJson(answer);
      const rows = answer.webhooks.map(({ id, url, status, delivered, setAside, failure, disabled }) => {
        const why = disabled?.reason ?? failure?.error ?? "";
        return [id, status, String(delivered), String(setAside), url, oneLine(why)];
      });
      print(table(["WEBHOOK", "STATUS", "DELIVERED", "SET ASIDE", "URL", "WHY"], rows));
    });
}

function setAsideCommand(): Command {
  return withSettings(new Command("set-aside"))
    .description("List what a webhook did not take although it took others, the latest first")
    .argument("<webhook>", "its id")
    .action(async (id: string, flags: Settings) => {
      const answer = await clientOf(flags).ask<{ events: SetAside[] }>("GET", pathOf(id, "set-aside"));
      if (flags.json) return printJson(answer);
      const rows = answer.events.map((each) => [
        ...[each.id, `${each.setAsideAt.slice(0, 10)} ${clock(each.setAsideAt)}`, each.workspaceId ?? "", each.event],
        oneLine(each.error),
      ]);
      print(table(["ID", "SET ASIDE", "WORKSPACE", "EVENT", "WHY"], rows));
    });
}

function sendCommand(): Command {
  return withSettings(new Command("send"))
    .description("Send what was set aside again")
    .argument("<webhook>", "its id")
    .argument("[event]", "its id; all without it, the oldest first, until one is not taken")
    .action(async (id: string, event: string | undefined, flags: Settings) => {
      const client = clientOf(flags);
      const chosen = async (): Promise<string[]> => {
        const { events } = await client.ask<{ events: SetAside[] }>("GET", pathOf(id, "set-aside"));
        return events.map((each) => each.id).reverse();
      };
      const ids = event === undefined ? await chosen() : [event];
      for (const eventId of ids) {
        const sent = await client.ask<Sent>("POST", pathOf(id, "set-aside", eventId, "send"));
        if (!sent.taken)
          throw new Failure(EXIT.refused, `${eventId} was not taken: ${oneLine(sent.error ?? "")}`, sent);
        print(flags.json ? JSON.stringify({ event: eventId, ...sent }) : `${eventId}: taken`);
      }
      if (ids.length === 0 && !flags.json) print("nothing is set aside");
    });
}

function forgetCommand(): Command {
  return withSettings(new Command("forget"))
    .description("Take an event off the list of what was set aside")
    .argument("<webhook>", "its id")
    .argument("<event>", "its id")
    .action(async (id: string, event: string, flags: Settings) => {
      const answer = await clientOf(flags).ask<object>("DELETE", pathOf(id, "set-aside", event));
      if (flags.json) printJson(answer);
      else print(`${event}: forgotten`);
    });
}
