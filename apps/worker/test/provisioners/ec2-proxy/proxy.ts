/**
 * EC2 as it behaves, on top of moto: idempotent launches, illegal transitions refused, new instances unknown for a while,
 * states that take their time, throttling, and whatever faults a test orders. On loopback; speaks to one moto.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AccountLimits } from "./account-limits.ts";
import { instancesIn, patchInstances, patchStatuses } from "./describe-answer.ts";
import { type Fault, Faults } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { Launches } from "./launches.ts";
import { type Answer, instanceIdsOf, parseQuery, type Query, refusal, withoutFilter } from "./query.ts";
import { ReplaceRootTasks } from "./replace-root.ts";
import { Volumes } from "./volumes.ts";

export interface Ec2ProxyOptions {
  /** Where moto is, or what answers in its place. */
  readonly moto: string | ((params: URLSearchParams) => Promise<Answer>);
  /** Enforces AWS's buckets, refilled so many times faster than AWS does. Without it nothing is throttled. */
  readonly speed?: number;
}

export interface RecordedCall {
  readonly action: string;
  /** `performance.now()` at its arrival, ms. */
  readonly at: number;
  readonly dryRun: boolean;
  readonly clientToken: string | undefined;
  /** Instances, volumes and tagged resources it names, outside of filters. */
  readonly ids: readonly string[];
  readonly params: Readonly<Record<string, string>>;
  throttled: boolean;
  /** "ok", EC2's error code, or how it was lost; undefined while it is under way. */
  outcome: string | undefined;
}

export interface Ec2Proxy {
  readonly url: string;
  readonly faults: Faults;
  /** Every call that arrived since the start or the last reset, in order. */
  readonly calls: readonly RecordedCall[];
  /** Forgets calls, faults, tokens and states; fills the buckets. Moto keeps what it has. */
  reset(): void;
  stop(): Promise<void>;
}

export async function startEc2Proxy(options: Ec2ProxyOptions): Promise<Ec2Proxy> {
  const proxy = new BetterEc2(options);
  const server = createServer((request, response) => void proxy.handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    faults: proxy.faults,
    get calls() {
      return proxy.calls;
    },
    reset: () => proxy.reset(),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** What moto is sent besides the body: it takes the region from the signature. */
type Headers = Record<string, string>;

class BetterEc2 {
  readonly faults = new Faults();
  calls: RecordedCall[] = [];
  readonly #moto: Ec2ProxyOptions["moto"];
  readonly #limits: AccountLimits | undefined;
  readonly #fleet: Fleet;
  readonly #launches: Launches;
  readonly #replaceRoot: ReplaceRootTasks;
  readonly #volumes: Volumes;
  #headers: Headers = {};

  constructor({ moto, speed }: Ec2ProxyOptions) {
    this.#moto = moto;
    this.#limits = speed === undefined ? undefined : new AccountLimits(speed);
    this.#fleet = new Fleet(this.faults.settings, async (id) => {
      const query = parseQuery(`Action=DescribeInstances&Version=2016-11-15&InstanceId.1=${encodeURIComponent(id)}`);
      const answer = await this.#forward(query.params);
      return answer.status === 200 ? instancesIn(answer.body).get(id) : undefined;
    });
    this.#launches = new Launches(this.#fleet);
    this.#replaceRoot = new ReplaceRootTasks(this.faults.settings);
    this.#volumes = new Volumes(this.#fleet, (params) => this.#forward(params));
  }

  reset(): void {
    this.calls = [];
    this.faults.clear();
    this.#limits?.reset();
    this.#fleet.reset();
    this.#launches.reset();
    this.#replaceRoot.reset();
    this.#volumes.reset();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const query = parseQuery(await bodyOf(request));
      this.#headers = headersOf(request);
      const { action, dryRun, clientToken, ids } = query;
      const call: RecordedCall = {
        ...{ action, dryRun, clientToken, ids, at: performance.now(), params: Object.fromEntries(query.params) },
        ...{ throttled: false, outcome: undefined },
      };
      this.calls.push(call);
      if (this.#limits?.admit(query) === false) {
        Object.assign(call, { throttled: true, outcome: "RequestLimitExceeded" });
        send(response, refusal("RequestLimitExceeded", "Request limit exceeded.", 503));
        return;
      }
      await this.#answer(query, call, response);
    } catch (error) {
      send(response, refusal("InternalError", `the proxy failed: ${String(error)}`, 500));
    }
  }

  async #answer(query: Query, call: RecordedCall, response: ServerResponse): Promise<void> {
    const fault = this.faults.take(query);
    if (fault?.kind === "wait") await fault.until;
    if (fault?.kind === "lost-request") {
      call.outcome = fault.kind;
      response.destroy();
      return;
    }
    if (fault?.kind === "impostor") {
      call.outcome = fault.kind;
      send(response, { status: 200, body: fault.body });
      return;
    }
    const answer = fault?.kind === "error" ? refusalBy(fault) : await this.#perform(query);
    call.outcome = fault?.kind === "lost-response" || fault?.kind === "hang" ? fault.kind : outcomeOf(answer);
    if (fault?.kind === "lost-response") response.destroy();
    else if (fault?.kind !== "hang") send(response, answer);
  }

  async #perform(query: Query): Promise<Answer> {
    switch (query.action) {
      case "RunInstances":
        return this.#launches.run(query, () => this.#forward(query.params));
      case "DescribeInstances":
        return this.#describe(query, patchInstances);
      case "DescribeInstanceStatus":
        return this.#describe(query, patchStatuses);
      case "DescribeReplaceRootVolumeTasks":
        return this.#replaceRoot.describe(query);
      case "DescribeVolumes":
        return this.#volumes.describe(query);
    }
    const wrong = query.action.startsWith("Describe") ? undefined : await this.#fleet.refusalOf(query);
    if (wrong !== undefined) return wrong;
    if (query.action === "CreateReplaceRootVolumeTask") return this.#replaceRoot.create(query);
    if (query.action === "AttachVolume") return this.#volumes.attach(query);
    const answer = await this.#forward(query.params);
    if (answer.status === 200) this.#fleet.done(query.action, instanceIdsOf(query));
    return answer;
  }

  async #describe(query: Query, patch: typeof patchInstances): Promise<Answer> {
    const hidden = instanceIdsOf(query).filter((id) => this.#fleet.lookedFor(id));
    if (hidden.length > 0) {
      return refusal("InvalidInstanceID.NotFound", `The instance ID '${hidden.join(", ")}' does not exist`);
    }
    if (this.#fleet.isSettled()) return this.#forward(query.params);
    // Moto filters by states of its own.
    const answer = await this.#forward(withoutFilter(query.params, "instance-state-name"));
    return answer.status === 200 ? { ...answer, body: patch(answer.body, query, this.#fleet) } : answer;
  }

  async #forward(params: URLSearchParams): Promise<Answer> {
    if (typeof this.#moto === "function") return this.#moto(params);
    const answer = await fetch(this.#moto, { method: "POST", headers: this.#headers, body: params.toString() });
    return { status: answer.status, body: await answer.text() };
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return body;
}

function headersOf(request: IncomingMessage): Headers {
  return {
    "content-type": request.headers["content-type"] ?? "application/x-www-form-urlencoded",
    ...(request.headers.authorization !== undefined && { authorization: request.headers.authorization }),
  };
}

function refusalBy({ code, message, status }: Extract<Fault, { kind: "error" }>): Answer {
  return refusal(code, message ?? `${code}, as the test ordered`, status);
}

function outcomeOf({ status, body }: Answer): string {
  return status === 200 ? "ok" : (/<Code>([^<]*)<\/Code>/.exec(body)?.[1] ?? `HTTP ${status}`);
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "text/xml;charset=UTF-8" }).end(body);
}
