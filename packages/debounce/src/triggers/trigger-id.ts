import { DECISIONS, type Decision, RULES, type Rule } from "../vocabulary.ts";

/**
 * A trigger's id carries what its receipt said, so that it resolves against the workspace's state without a key of its
 * own: `<decision>.<rule>.<generation>.<nonce>.<workspace>`.
 */
export interface TriggerId {
  readonly decision: Decision;
  readonly rule: Rule;
  readonly generation: number;
  readonly nonce: string;
  readonly workspaceId: string;
}

export function formatTriggerId(id: TriggerId): string {
  return `${id.decision}.${id.rule}.${id.generation}.${id.nonce}.${id.workspaceId}`;
}

/** The ids of triggers that were judged together: a number behind the nonce tells them apart. */
export function numberedTriggerIds(id: TriggerId): (index: number) => string {
  const before = `${id.decision}.${id.rule}.${id.generation}.${id.nonce}-`;
  const behind = `.${id.workspaceId}`;
  return (index) => `${before}${index}${behind}`;
}

/** Undefined when the text is not a trigger's id. */
export function parseTriggerId(text: string): TriggerId | undefined {
  const [decision, rule, generation, nonce, ...workspace] = text.split(".");
  const known = DECISIONS.includes(decision as Decision) && RULES.includes(rule as Rule);
  if (!known || !/^\d{1,15}$/.test(generation ?? "") || !nonce || workspace.length === 0) return undefined;
  return {
    decision: decision as Decision,
    rule: rule as Rule,
    generation: Number(generation),
    nonce,
    workspaceId: workspace.join("."),
  };
}
