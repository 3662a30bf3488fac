import type { Cycle, Preflight, Provisioner, RestartResult, Sighting, Workspace } from "../src/index.ts";

/** A kitchen is a world of kettles: things that run, each known by the cycle and token that started it. */
export class Kitchen {
  readonly kettles: { readonly name: string; readonly workspaceId: string; readonly cycleId: string }[] = [];
  readonly #tokens = new Map<string, number>();
  #made = 0;
  #workspaces = 0;

  workspace(): Workspace {
    this.#workspaces += 1;
    return { id: `kitchen-${this.#workspaces}`, spec: {}, instance: undefined };
  }

  running({ id }: Workspace): string[] {
    return this.kettles.filter(({ workspaceId }) => workspaceId === id).map(({ name }) => name);
  }

  put(workspaceId: string, cycleId: string): string {
    this.#made += 1;
    const name = `kettle ${this.#made}`;
    this.kettles.push({ name, workspaceId, cycleId });
    return name;
  }

  take(gone: (kettle: Kitchen["kettles"][number]) => boolean): void {
    for (let at = this.kettles.length - 1; at >= 0; at -= 1) {
      if (gone(this.kettles[at] as Kitchen["kettles"][number])) this.kettles.splice(at, 1);
    }
  }

  /** Refuses a token below the highest that was seen. */
  claim({ workspace, fencingToken }: Cycle): void {
    if (fencingToken < (this.#tokens.get(workspace.id) ?? 0)) throw new Error("an older token");
    this.#tokens.set(workspace.id, fencingToken);
  }
}

/** A provisioner of kettles, as it should be. */
export class KettleProvisioner implements Provisioner {
  readonly name: string = "kettle";
  readonly kitchen: Kitchen;

  constructor(kitchen: Kitchen) {
    this.kitchen = kitchen;
  }

  async restart(cycle: Cycle): Promise<RestartResult> {
    const { id } = cycle.workspace;
    await cycle.record({ step: "TAKING_OFF" });
    this.kitchen.claim(cycle);
    this.kitchen.take(({ workspaceId }) => workspaceId === id);
    await cycle.record({ step: "PUTTING_ON" });
    this.kitchen.claim(cycle);
    return { instance: { kettle: this.kitchen.put(id, cycle.id) } };
  }

  async stop(cycle: Cycle): Promise<void> {
    await cycle.record({ step: "TAKING_OFF" });
    this.kitchen.claim(cycle);
    this.kitchen.take(({ workspaceId }) => workspaceId === cycle.workspace.id);
  }

  async status(workspace: Workspace): Promise<Sighting> {
    const isThere = this.kitchen.running(workspace).length > 0;
    return { seen: isThere ? "online" : "offline", detail: isThere ? "a kettle is on" : "no kettle is on" };
  }

  async preflight(): Promise<Preflight> {
    return { ok: true };
  }
}
