import { randomUUID } from "node:crypto";
import type {
  CallOptions,
  DryRun,
  Ec2Api,
  Instance,
  LaunchCall,
  ReplaceRootCall,
  ReplaceRootState,
} from "../../../src/provisioners/ec2/api.ts";
import { TAG } from "../../../src/provisioners/ec2/tags.ts";

/** Replaces methods of an API by others, which get the one they replace. */
export function overriding(api: Ec2Api, overrides: Partial<Ec2Api>): Ec2Api {
  return new Proxy(api, {
    get: (target, name) => {
      const owner = name in overrides ? overrides : target;
      const value = owner[name as keyof Ec2Api];
      return typeof value === "function" ? value.bind(owner) : value;
    },
  });
}

export function awsError(name: string, httpStatusCode = 400, message = `${name} (injected)`): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode, requestId: "req-1" } });
}

/**
 * What moto lacks, in front of it: ClientToken, kept by the instances themselves, so that several processes share it;
 * and root volume tasks, kept here.
 */
export function idempotent(api: Ec2Api): Ec2Api & { readonly rootTasks: Map<string, ReplaceRootCall> } {
  const requests = new Map<string, string>();
  const rootTasks = new Map<string, ReplaceRootCall>();
  const wrapped = overriding(api, {
    async runInstances(launch: LaunchCall, options?: CallOptions): Promise<Instance> {
      const { clientToken, request, userData } = launch;
      const body = JSON.stringify([request, userData]);
      const workspace = request.TagSpecifications?.[0]?.Tags?.find(({ Key }) => Key === TAG.workspace)?.Value ?? "";
      const known = (await api.findInstances({ tags: { [TAG.workspace]: workspace } }, options)).find(
        (instance) => instance.clientToken === clientToken,
      );
      if ((requests.get(clientToken) ?? body) !== body) throw awsError("IdempotentParameterMismatch");
      if (known?.state === "terminated") throw awsError("IdempotentInstanceTerminated");
      requests.set(clientToken, body);
      return known ?? api.runInstances(launch, options);
    },
    async createReplaceRootVolumeTask(call: ReplaceRootCall): Promise<string> {
      const known = [...rootTasks].find(([, { clientToken }]) => clientToken === call.clientToken);
      const id = known?.[0] ?? `replacevol-${randomUUID()}`;
      rootTasks.set(id, call);
      return id;
    },
    async dryRun(call: DryRun, options?: CallOptions): Promise<void> {
      if (call.call !== "CreateReplaceRootVolumeTask") await api.dryRun(call, options);
    },
    async describeReplaceRootTask(taskId: string): Promise<ReplaceRootState | undefined> {
      return rootTasks.has(taskId) ? "succeeded" : undefined;
    },
  });
  return Object.assign(wrapped, { rootTasks });
}
