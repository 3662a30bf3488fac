/** What an error of EC2 means for a restart, and what a person is told about it. */
import { ProvisionerError } from "../provisioner.ts";

/**
 * - `retry`: nothing is known of the effect, or none was made: the same call, with the same token, a little later.
 * - `next-attempt`: definitely not done, and not to be had like this: another subnet or type, under a new token.
 * - `backoff`: definitely not done, and will not be until a person or time changes something: wait long, tell somebody.
 * - `permanent`: definitely not done; the same again cannot help.
 * - `wrong-state`: the instance or volume is in another state than thought: look again.
 * - `not-found`: EC2 does not know the id, or not yet.
 * - `dry-run`: would have been done.
 */
export type Ec2ErrorKind = "retry" | "next-attempt" | "backoff" | "permanent" | "wrong-state" | "not-found" | "dry-run";

interface Meaning {
  readonly kind: Ec2ErrorKind;
  /** What to do about it, for a person. */
  readonly advice: string;
}

const CAPACITY = "EC2 has none to give there now: name more subnetIds or instanceTypes";
const LIMIT = "raise the account's limit (Service Quotas) or terminate something";
const PERMISSION = "give the worker's role this permission";
const THROTTLED: Meaning = { kind: "retry", advice: "EC2 asks for fewer calls; it is tried again" };

const MEANINGS: Readonly<Record<string, Meaning>> = {
  DryRunOperation: { kind: "dry-run", advice: "" },

  RequestLimitExceeded: THROTTLED,
  Throttling: THROTTLED,
  ThrottlingException: THROTTLED,
  EC2ThrottledException: THROTTLED,
  CredentialsProviderError: {
    kind: "retry",
    advice: "the worker finds no AWS credentials: check its role or AWS_* variables",
  },

  InsufficientInstanceCapacity: { kind: "next-attempt", advice: CAPACITY },
  InsufficientHostCapacity: { kind: "next-attempt", advice: CAPACITY },
  InsufficientReservedInstanceCapacity: { kind: "next-attempt", advice: CAPACITY },
  InsufficientCapacity: { kind: "next-attempt", advice: CAPACITY },
  InsufficientFreeAddressesInSubnet: {
    kind: "next-attempt",
    advice: "the subnet has no free address: name another one",
  },
  Unsupported: {
    kind: "next-attempt",
    advice: "this type or option does not exist there: name other types or subnets",
  },
  IdempotentInstanceTerminated: {
    kind: "next-attempt",
    advice: "the instance launched before was terminated by someone else",
  },

  InstanceLimitExceeded: { kind: "backoff", advice: LIMIT },
  VcpuLimitExceeded: { kind: "backoff", advice: LIMIT },
  MaxSpotInstanceCountExceeded: { kind: "backoff", advice: LIMIT },
  VolumeLimitExceeded: { kind: "backoff", advice: LIMIT },
  AddressLimitExceeded: { kind: "backoff", advice: LIMIT },
  PendingVerification: { kind: "backoff", advice: "AWS is verifying the account: wait for its mail" },
  OptInRequired: { kind: "permanent", advice: "subscribe the account to this image or service" },

  IncorrectInstanceState: { kind: "wrong-state", advice: "somebody else changes the instance at the same time" },
  IncorrectState: { kind: "wrong-state", advice: "somebody else changes it at the same time" },
  VolumeInUse: { kind: "wrong-state", advice: "detach the volume from the other instance" },

  UnauthorizedOperation: { kind: "permanent", advice: PERMISSION },
  Unauthorized: { kind: "permanent", advice: PERMISSION },
  AuthFailure: { kind: "permanent", advice: "the worker's AWS credentials were refused: renew them" },
  OperationNotPermitted: { kind: "permanent", advice: "switch the instance's termination or stop protection off" },
  IdempotentParameterMismatch: {
    kind: "permanent",
    advice: "a launch was repeated with other parameters: report this",
  },
  UnsupportedOperation: { kind: "permanent", advice: "this instance cannot do that: choose another strategy" },
};

/** Codes of which EC2 has a family for each resource. */
const FAMILIES: ReadonlyArray<readonly [RegExp, Meaning]> = [
  [
    /^Invalid(InstanceID|Volume(ID)?)\.NotFound$/,
    { kind: "not-found", advice: "it was deleted, or is not visible yet" },
  ],
  [/^Unauthorized/, { kind: "permanent", advice: PERMISSION }],
  [
    /^Invalid.*NotFound/,
    { kind: "permanent", advice: "correct the workspace's spec: it does not exist in this region" },
  ],
  [/^(Invalid|Missing|Malformed|Unknown)/, { kind: "permanent", advice: "correct the workspace's spec" }],
];

const UNCLEAR: Meaning = { kind: "retry", advice: "no clear answer; it is tried again" };

/** By the error's name first: InsufficientInstanceCapacity comes as an HTTP 500, as if it were worth repeating. */
export function meaningOf(error: unknown): Meaning {
  const { name, httpStatus } = factsOf(error);
  const known = MEANINGS[name] ?? FAMILIES.find(([pattern]) => pattern.test(name))?.[1];
  if (known !== undefined) return known;
  // Any other 4xx is an answer about the request; 5xx, a timeout, a torn connection or rubbish says nothing.
  return httpStatus >= 400 && httpStatus < 500 && httpStatus !== 408 && httpStatus !== 429
    ? { kind: "permanent", advice: "EC2 refused the request" }
    : UNCLEAR;
}

/** Refused for coming too soon: nothing was done. */
export function isThrottle(error: unknown): boolean {
  return MEANINGS[factsOf(error).name] === THROTTLED;
}

export interface FailedCall {
  readonly workspaceId: string;
  /** As AWS names it: RunInstances. */
  readonly call: string;
  /** What it was about: an instance id, a type and subnet. */
  readonly about?: string;
}

/** How long to wait after a `backoff`, ms. */
const LONG_BACKOFF_MS = 15 * 60_000;

/** What the core is told: names the workspace, the call, AWS's code and what to do. */
export function provisionerErrorOf(failed: FailedCall, error: unknown): ProvisionerError {
  if (error instanceof ProvisionerError) return error;
  const { kind, advice } = meaningOf(error);
  return new ProvisionerError(`${describeFailure(failed, error)}. What to do: ${advice}`, {
    retryable: kind !== "permanent",
    cause: error,
    ...(kind === "backoff" && { retryAfterMs: LONG_BACKOFF_MS, alert: true }),
  });
}

/** One line, without advice: `workspace w1: RunInstances (m7i.large in subnet-1) failed: InsufficientInstanceCapacity: …`. */
export function describeFailure({ workspaceId, call, about }: FailedCall, error: unknown): string {
  const what = about === undefined ? call : `${call} (${about})`;
  return `workspace ${workspaceId}: ${what} failed: ${describeCause(error)}`;
}

/** As EC2 put it: `InsufficientInstanceCapacity: … [request …]`. */
export function describeCause(error: unknown): string {
  const { name, message, requestId } = factsOf(error);
  return `${name}: ${message}${requestId === undefined ? "" : ` [request ${requestId}]`}`;
}

const MESSAGE_CHARACTERS = 400;

function factsOf(error: unknown): { name: string; message: string; httpStatus: number; requestId: string | undefined } {
  const given = (typeof error === "object" && error !== null ? error : {}) as {
    name?: string;
    code?: string;
    message?: string;
    $metadata?: { httpStatusCode?: number; requestId?: string };
  };
  const code = given.name === undefined || given.name === "Error" ? (given.code ?? given.name) : given.name;
  return {
    name: code ?? "unknown error",
    // An encoded authorization failure is kilobytes of base64.
    message: readable(given.message ?? String(error))
      .replace(/\s+/g, " ")
      .slice(0, MESSAGE_CHARACTERS),
    httpStatus: given.$metadata?.httpStatusCode ?? 0,
    requestId: given.$metadata?.requestId,
  };
}

/** What the SDK says of an answer that is not EC2's: a proxy's error page, say. */
function readable(message: string): string {
  return message.includes("Deserialization error") ? "the answer is not EC2's" : message;
}
