/** The names of the scripts, `lua/<name>.lua`. */
export const SCRIPT_NAMES = [
  "trigger",
  "begin",
  "renew",
  "journal",
  "end",
  "sweep",
  "register",
  "desire",
  "forget",
  "hold",
  "release",
  "flush",
  "cancel",
  "view",
  "parent",
  "census",
  "shadow",
] as const;
export type ScriptName = (typeof SCRIPT_NAMES)[number];
