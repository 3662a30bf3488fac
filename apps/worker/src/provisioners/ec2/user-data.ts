/** User data may hold secrets: it is rendered when needed, and nothing but its hash is ever stored or shown. */
import { createHash } from "node:crypto";

/** EC2's limit, before base64. */
export const USER_DATA_BYTES = 16_384;

export interface RenderedUserData {
  readonly base64: string | undefined;
  /** "none" without user data. */
  readonly hash: string;
}

/** Fills in {workspaceId} and {cycleId}; `${workspaceId}` is the shell's and stays. */
export function renderUserData(
  template: string | undefined,
  names: { readonly workspaceId: string; readonly cycleId: string },
): RenderedUserData {
  if (template === undefined) return { base64: undefined, hash: "none" };
  const text = template.replaceAll(/(?<!\$)\{(workspaceId|cycleId)\}/g, (_, name: keyof typeof names) => names[name]);
  const base64 = Buffer.from(text, "utf8").toString("base64");
  return { base64, hash: createHash("sha256").update(text).digest("base64url") };
}

export function userDataBytes(rendered: RenderedUserData): number {
  return Buffer.byteLength(rendered.base64 ?? "", "base64");
}
