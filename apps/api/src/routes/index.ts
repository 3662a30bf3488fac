/** Every route there is, a file per subject. CONTRIBUTING.md says how to add one. */
import { board } from "../board/index.ts";
import type { Mount, Route } from "../route.ts";
import { desiredStateRoutes } from "./desired-state.ts";
import { eventRoutes } from "./events.ts";
import { fileRoutes } from "./files.ts";
import { fleetRoutes } from "./fleet.ts";
import { hookRoutes } from "./hooks.ts";
import { policyRoutes } from "./policies.ts";
import { rolloutRoutes } from "./rollouts.ts";
import { serviceRoutes } from "./service.ts";
import { sessionRoutes } from "./session.ts";
import { triggerOutcomeRoutes } from "./trigger-outcomes.ts";
import { triggerRoutes } from "./triggers.ts";
import { verbRoutes } from "./verbs.ts";
import { webhookRoutes } from "./webhooks.ts";
import { workspaceRoutes } from "./workspaces.ts";

/** What is asked most, first: a request is compared with every route in front of its own. */
export const ROUTES: readonly Route[] = [
  ...triggerRoutes,
  ...fileRoutes,
  ...workspaceRoutes,
  ...desiredStateRoutes,
  ...policyRoutes,
  ...triggerOutcomeRoutes,
  ...verbRoutes,
  ...fleetRoutes,
  ...rolloutRoutes,
  ...eventRoutes,
  ...webhookRoutes,
  ...sessionRoutes,
  ...hookRoutes,
  ...serviceRoutes(() => ROUTES),
];

export const MOUNTS: readonly Mount[] = [board];
