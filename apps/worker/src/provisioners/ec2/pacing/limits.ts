/** How many calls an AWS account may make, and how much of that we use. */

/** The lanes in which calls wait: those of one lane share its buckets. */
export type LaneName =
  | "RunInstances"
  | "StartInstances"
  | "TerminateInstances"
  | "CreateTags"
  /** Everything that only looks. AWS gives each such call a bucket of its own; one for all is well inside that. */
  | "Describe"
  /** Everything else that changes something, likewise. */
  | "Other";

export interface BucketLimit {
  /** Tokens it holds when full. */
  readonly size: number;
  /** Tokens that come back in a second. */
  readonly perSecond: number;
}

export interface LaneLimits {
  /** A token for each request. */
  readonly requests: BucketLimit;
  /** A token for each instance, where AWS counts those, too. */
  readonly resources?: BucketLimit;
  /** Calls that all workers together may have under way. Default: any number. */
  readonly inFlight?: number;
}

export type PaceLimits = Readonly<Record<LaneName, LaneLimits>>;

/** For each account and region, unless AWS has raised them. */
export const AWS_LIMITS: PaceLimits = {
  RunInstances: { requests: { size: 5, perSecond: 2 }, resources: { size: 1_000, perSecond: 2 } },
  StartInstances: { requests: { size: 5, perSecond: 2 }, resources: { size: 1_000, perSecond: 2 } },
  TerminateInstances: { requests: { size: 100, perSecond: 5 }, resources: { size: 1_000, perSecond: 20 } },
  CreateTags: { requests: { size: 100, perSecond: 10 } },
  Describe: { requests: { size: 100, perSecond: 20 } },
  Other: { requests: { size: 50, perSecond: 5 } },
};

/** How much of its refill a bucket must have room for, s: a full one does not refill. */
const SLACK_SECONDS = 2;

export interface ShareOptions {
  /** How much of the account's refill is ours, above 0 and at most 1. Default 0.9. */
  readonly share?: number;
  /** How much faster than AWS the server refills: for tests. Default 1. */
  readonly speed?: number;
}

/**
 * What we allow ourselves of the account's limits. Calls that were let go one after the other may arrive all at once,
 * late: so our bursts are smaller than the account's, and no more calls are under way than fit into the difference.
 *
 * @throws RangeError on a number that cannot be
 */
export function ownLimits(account: PaceLimits, { share = 0.9, speed = 1 }: ShareOptions = {}): PaceLimits {
  if (!(share > 0 && share <= 1)) throw new RangeError(`expected a share above 0 and at most 1, got ${share}`);
  if (!(speed > 0)) throw new RangeError(`expected a speed above 0, got ${speed}`);
  const own = ({ size, perSecond }: BucketLimit): BucketLimit => ({
    size: Math.max(1, size - perSecond * SLACK_SECONDS),
    perSecond: perSecond * share * speed,
  });
  const lanes = Object.entries(account).map(([name, { requests, resources }]: [string, LaneLimits]) => {
    const inFlight = requests.size - own(requests).size;
    return [name, { requests: own(requests), ...(resources && { resources: own(resources) }), inFlight }];
  });
  return Object.fromEntries(lanes) as PaceLimits;
}
