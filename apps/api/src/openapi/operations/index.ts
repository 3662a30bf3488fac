/** Every route, a file per group. CONTRIBUTING.md says how to add one. */
import type { Operation } from "../operation.ts";
import { EVENT_OPERATIONS } from "./events.ts";
import { FILE_OPERATIONS } from "./files.ts";
import { RESTART_OPERATIONS } from "./restarts.ts";
import { ROLLOUT_OPERATIONS } from "./rollouts.ts";
import { SERVICE_OPERATIONS } from "./service.ts";
import { WEBHOOK_OPERATIONS } from "./webhooks.ts";
import { WORKSPACE_OPERATIONS } from "./workspaces.ts";

export const OPERATIONS: readonly Operation[] = [
  ...WORKSPACE_OPERATIONS,
  ...RESTART_OPERATIONS,
  ...ROLLOUT_OPERATIONS,
  ...FILE_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...SERVICE_OPERATIONS,
];
