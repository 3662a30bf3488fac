/**
 * As much of EC2 as a replacement needs, in memory: moto takes 0.1 s for a launch, so that behind buckets that are sped
 * up it would be moto that sets the pace. Goes behind the proxy in its place; knows one image.
 */
import { randomBytes } from "node:crypto";
import {
  type Answer,
  escapeXml,
  filterValues,
  instanceIdsOf,
  parseQuery,
  type Query,
  refusal,
  success,
} from "./query.ts";

interface SmallInstance {
  readonly id: string;
  state: "running" | "terminated";
  readonly clientToken: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly launchedAt: string;
}

export class SmallEc2 {
  readonly imageId = "ami-0123456789abcdef0";
  #instances = new Map<string, SmallInstance>();

  /** Ids of those that run, by the value of a tag. */
  runningBy(tag: string): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const { id, tags, state } of this.#instances.values()) {
      if (state !== "running") continue;
      const value = tags.get(tag) ?? "";
      found.set(value, [...(found.get(value) ?? []), id]);
    }
    return found;
  }

  /** An instance that was there before. */
  add(tags: Readonly<Record<string, string>>): string {
    return this.#keep("", new Map(Object.entries(tags))).id;
  }

  async answer(params: URLSearchParams): Promise<Answer> {
    const query = parseQuery(params.toString());
    if (query.dryRun) return refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
    switch (query.action) {
      case "RunInstances":
        return success(query.action, reservation([this.#launch(query)], "pending"));
      case "DescribeInstances": {
        const found = this.#find(query).map((instance) => `<item>${reservation([instance])}</item>`);
        return success(query.action, `<reservationSet>${found.join("")}</reservationSet>`);
      }
      case "TerminateInstances":
        return this.#terminate(query);
      case "DescribeImages": {
        const images = `<item><imageId>${this.imageId}</imageId><imageState>available</imageState></item>`;
        return success(query.action, `<imagesSet>${images}</imagesSet>`);
      }
      case "DescribeInstanceAttribute":
        return success(query.action, "<disableApiTermination><value>false</value></disableApiTermination>");
      default:
        return refusal("InvalidAction", `the small EC2 cannot ${query.action}`);
    }
  }

  #launch({ params, clientToken = "" }: Query): SmallInstance {
    const tags = new Map<string, string>();
    for (const [name, key] of params) {
      if (/^TagSpecification\.1\.Tag\.\d+\.Key$/.test(name)) {
        tags.set(key, params.get(name.replace(/Key$/, "Value")) ?? "");
      }
    }
    return this.#keep(clientToken, tags);
  }

  #keep(clientToken: string, tags: ReadonlyMap<string, string>): SmallInstance {
    const id = `i-${randomBytes(9).toString("hex").slice(0, 17)}`;
    const launched = { id, state: "running" as const, clientToken, tags, launchedAt: new Date().toISOString() };
    this.#instances.set(id, launched);
    return launched;
  }

  #find(query: Query): SmallInstance[] {
    const { params } = query;
    const ids = filterValues(params, "instance-id") ?? (query.ids.length > 0 ? query.ids : undefined);
    const states = filterValues(params, "instance-state-name");
    const tags = [...params].flatMap(([name, value]) =>
      /^Filter\.\d+\.Name$/.test(name) && value.startsWith("tag:") ? [value] : [],
    );
    const candidates = ids === undefined ? [...this.#instances.values()] : ids.map((id) => this.#instances.get(id));
    return candidates.filter(
      (instance): instance is SmallInstance =>
        instance !== undefined &&
        (states === undefined || states.includes(instance.state)) &&
        tags.every((tag) => filterValues(params, tag)?.includes(instance.tags.get(tag.slice(4)) ?? "")),
    );
  }

  #terminate(query: Query): Answer {
    const ids = instanceIdsOf(query);
    const unknown = ids.filter((id) => !this.#instances.has(id));
    if (unknown.length > 0) {
      return refusal("InvalidInstanceID.NotFound", `The instance IDs '${unknown.join(", ")}' do not exist`);
    }
    for (const id of ids) (this.#instances.get(id) as SmallInstance).state = "terminated";
    const changed = ids.map((id) => `<item><instanceId>${id}</instanceId></item>`);
    return success(query.action, `<instancesSet>${changed.join("")}</instancesSet>`);
  }
}

function reservation(instances: readonly SmallInstance[], state?: string): string {
  const items = instances.map((instance) => {
    const tags = [...instance.tags].map(
      ([key, value]) => `<item><key>${escapeXml(key)}</key><value>${escapeXml(value)}</value></item>`,
    );
    return (
      `<item><instanceId>${instance.id}</instanceId><clientToken>${escapeXml(instance.clientToken)}</clientToken>` +
      `<instanceState><name>${state ?? instance.state}</name></instanceState>` +
      `<launchTime>${instance.launchedAt}</launchTime><tagSet>${tags.join("")}</tagSet></item>`
    );
  });
  return `<instancesSet>${items.join("")}</instancesSet>`;
}
