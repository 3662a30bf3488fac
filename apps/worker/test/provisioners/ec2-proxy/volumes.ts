/** A volume has one place at a time: moto attaches it anywhere. It leaves an instance when that is terminated, not before. */
import type { Fleet } from "./fleet.ts";
import { type Answer, type Query, refusal } from "./query.ts";
import { appendChild, childrenNamed, childText, elementsNamed, parseXml, printXml } from "./xml.ts";

export class Volumes {
  readonly #fleet: Fleet;
  readonly #forward: (params: URLSearchParams) => Promise<Answer>;
  /** Where volumes were attached last. */
  #holders = new Map<string, { instanceId: string; device: string }>();

  constructor(fleet: Fleet, forward: (params: URLSearchParams) => Promise<Answer>) {
    this.#fleet = fleet;
    this.#forward = forward;
  }

  reset(): void {
    this.#holders = new Map();
  }

  async attach(query: Query): Promise<Answer> {
    const volumeId = query.params.get("VolumeId") ?? "";
    const lookup = new URLSearchParams({ Action: "DescribeVolumes", Version: "2016-11-15", "VolumeId.1": volumeId });
    const seen = await this.#forward(lookup);
    if (seen.status !== 200) return seen;
    if (this.#isHeld(volumeId) || statusOf(seen.body) === "in-use") {
      return refusal("VolumeInUse", `${volumeId} is already attached to an instance`);
    }
    const answer = await this.#forward(query.params);
    if (answer.status === 200 && !query.dryRun) {
      const { params } = query;
      this.#holders.set(volumeId, { instanceId: params.get("InstanceId") ?? "", device: params.get("Device") ?? "" });
    }
    return answer;
  }

  async describe(query: Query): Promise<Answer> {
    const answer = await this.#forward(query.params);
    if (answer.status !== 200 || ![...this.#holders.keys()].some((id) => this.#isHeld(id))) return answer;
    const document = parseXml(answer.body);
    for (const item of elementsNamed(document, "volumeSet").flatMap((set) => childrenNamed(set, "item"))) {
      const id = childText(item, "volumeId");
      const holder = this.#holders.get(id);
      if (holder === undefined || !this.#isHeld(id)) continue;
      for (const status of childrenNamed(item, "status")) status.textContent = "in-use";
      for (const set of childrenNamed(item, "attachmentSet")) {
        const attachment = appendChild(set, "item");
        const fields = { volumeId: id, instanceId: holder.instanceId, device: holder.device, status: "busy" };
        for (const [name, value] of Object.entries(fields)) appendChild(attachment, name, value);
      }
    }
    return { ...answer, body: printXml(document) };
  }

  /** By an instance that is shutting down: moto has let go of it already. */
  #isHeld(volumeId: string): boolean {
    const holder = this.#holders.get(volumeId);
    return holder !== undefined && this.#fleet.shown(holder.instanceId) === "shutting-down";
  }
}

function statusOf(xml: string): string {
  const item = elementsNamed(parseXml(xml), "volumeSet").flatMap((set) => childrenNamed(set, "item"))[0];
  return item === undefined ? "" : childText(item, "status");
}
