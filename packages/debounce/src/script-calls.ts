/** What the typed calls of scripts are made with. */
import type { KeySpace } from "./keys.ts";
import type { RunScript, ScriptName } from "./scripts.ts";
import type { TransitionSettings } from "./transition-types.ts";

export interface ScriptCalls {
  readonly keys: KeySpace;
  readonly settings: TransitionSettings;
  readonly script: RunScript;
  /** Sends, and tells whoever counts how long the answer took. */
  readonly answered: <Reply>(name: ScriptName, send: () => Promise<Reply>) => Promise<Reply>;
}
