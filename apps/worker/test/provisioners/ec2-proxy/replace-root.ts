/** CreateReplaceRootVolumeTask and what describes it: moto has neither. The instance's volumes stay as moto knows them. */
import { randomBytes } from "node:crypto";
import type { Settings } from "./faults.ts";
import { parametersOf } from "./launches.ts";
import { type Answer, escapeXml, type Query, refusal, success } from "./query.ts";

interface Task {
  readonly id: string;
  readonly instanceId: string;
  readonly parameters: string;
  readonly startedAt: Date;
  readonly endsAt: number;
  readonly ends: Settings["replaceRootEnds"];
}

export class ReplaceRootTasks {
  readonly #settings: Settings;
  #tasks: Task[] = [];
  #byToken = new Map<string, Task>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  reset(): void {
    this.#tasks = [];
    this.#byToken = new Map();
  }

  create(query: Query): Answer {
    if (query.dryRun) {
      return refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
    }
    const { clientToken } = query;
    const parameters = parametersOf(query);
    const earlier = clientToken === undefined ? undefined : this.#byToken.get(clientToken);
    if (earlier !== undefined) {
      return earlier.parameters === parameters
        ? this.#answer(earlier)
        : refusal("IdempotentParameterMismatch", "The client token was used with other parameters.");
    }
    const instanceId = query.params.get("InstanceId") ?? "";
    if (this.#tasks.some((other) => other.instanceId === instanceId && stateOf(other) === "in-progress")) {
      return refusal("IncorrectInstanceState", `A root volume of '${instanceId}' is being replaced already.`);
    }
    const task: Task = {
      id: `replacevol-${randomBytes(9).toString("hex").slice(0, 17)}`,
      instanceId,
      parameters,
      startedAt: new Date(),
      endsAt: performance.now() + this.#settings.replaceRootMs,
      ends: this.#settings.replaceRootEnds,
    };
    this.#tasks.push(task);
    if (clientToken !== undefined) this.#byToken.set(clientToken, task);
    return this.#answer(task);
  }

  describe({ params }: Query): Answer {
    const asked = [...params].flatMap(([name, value]) => (name.startsWith("ReplaceRootVolumeTaskId") ? [value] : []));
    const found = this.#tasks.filter(({ id }) => asked.length === 0 || asked.includes(id));
    if (found.length < asked.length) {
      return refusal("InvalidReplaceRootVolumeTaskId.NotFound", `The task '${asked.join(", ")}' does not exist`);
    }
    const items = found.map((task) => `<item>${taskXml(task)}</item>`).join("");
    return success("DescribeReplaceRootVolumeTasks", `<replaceRootVolumeTaskSet>${items}</replaceRootVolumeTaskSet>`);
  }

  #answer(task: Task): Answer {
    return success("CreateReplaceRootVolumeTask", `<replaceRootVolumeTask>${taskXml(task)}</replaceRootVolumeTask>`);
  }
}

function stateOf(task: Task): string {
  return performance.now() < task.endsAt ? "in-progress" : task.ends;
}

function taskXml(task: Task): string {
  const fields = {
    replaceRootVolumeTaskId: task.id,
    instanceId: task.instanceId,
    taskState: stateOf(task),
    startTime: task.startedAt.toISOString(),
  };
  return Object.entries(fields)
    .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    .join("");
}
