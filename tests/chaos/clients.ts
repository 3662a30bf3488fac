/** Carries out the plan's requests. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "./client.ts";
import type { Ask, LoadStep } from "./plan-load.ts";
import type { CastMember } from "./workspaces.ts";

const GONE_WITHIN_MS = 8_000;

export class Clients {
  readonly #client: Client;
  /** Asks for a workspace wait until it is registered. */
  readonly #registered = new Map<string, Promise<unknown>>();

  constructor(client: Client) {
    this.#client = client;
  }

  register(member: CastMember): Promise<unknown> {
    const { id: workspaceId, spec, parentId } = member;
    const body = { spec, ...(parentId !== undefined && { parentId }) };
    const registration = this.#client.persistently({ workspaceId, verb: "register", method: "PUT", body });
    this.#registered.set(workspaceId, registration);
    return registration;
  }

  async perform({ member, ask }: LoadStep): Promise<void> {
    if (ask.kind === "register") {
      await this.register(member);
      return;
    }
    await this.#registered.get(member.id);
    await this.#ask(member, ask);
  }

  async #ask(member: CastMember, ask: Exclude<Ask, { kind: "register" }>): Promise<void> {
    const client = this.#client;
    const { id: workspaceId } = member;
    const post = { workspaceId, method: "POST" } as const;
    switch (ask.kind) {
      case "trigger": {
        const { source, keyed } = ask;
        const call = { ...post, verb: "trigger", source, path: "/triggers", body: { source } } as const;
        if (keyed) await client.persistently({ ...call, key: Client.newKey() });
        else await client.once(call);
        break;
      }
      case "write": {
        const path = `/files/${ask.path}`;
        const body = ask.content ?? `written at ${Date.now()}`;
        const write = { verb: "trigger", source: "file-write", method: "PUT", raw: true } as const;
        await client.once({ workspaceId, ...write, path, body, written: `${ask.path}: ${body}` });
        break;
      }
      case "restart": {
        const body = { force: ask.force };
        const call = { ...post, verb: "trigger", source: "manual", path: "/restart", body } as const;
        await client.persistently({ ...call, key: Client.newKey() });
        break;
      }
      case "hold":
        await client.once({ ...post, verb: "hold", path: "/hold", body: { holdMs: ask.holdMs } });
        break;
      case "remove":
        await client.once({ workspaceId, verb: "remove", method: "DELETE" });
        await this.#registerOnceGone(member);
        break;
      default:
        await client.once({ ...post, verb: ask.kind, path: `/${ask.kind}` });
    }
  }

  async #registerOnceGone(member: CastMember): Promise<void> {
    const until = Date.now() + GONE_WITHIN_MS;
    const isThere = async () => (await this.#client.read(`/workspaces/${member.id}`)) !== undefined;
    while (Date.now() < until && (await isThere())) await sleep(200);
    await this.register(member);
  }
}
