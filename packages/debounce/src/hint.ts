/** A wake-up: "look at this workspace at that time". */
export interface Hint {
  readonly workspaceId: string;
  /** ms of Redis' clock. */
  readonly dueAt: number;
  /** How long until then, ms, by Redis' clock; 0 = now. */
  readonly delayMs: number;
  /** Unique per workspace: two hints with one id are the same hint. */
  readonly hintId: string;
}
