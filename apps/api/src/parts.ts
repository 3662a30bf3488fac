/** Makes the parts of an API. Nothing of it runs yet, but connections open themselves when they are made. */
import { hostname } from "node:os";
import { type Observer, RestartCoordinator, Shadow } from "@restart-coordinator/debounce";
import { eventStreams, RolloutDriver, Rollouts, TurnsCensus } from "@restart-coordinator/fleet";
import { noSpecCheck, type SpecCheck, specCheckFor } from "@restart-coordinator/provisioner-specs";
import {
  type ApiEnvironment,
  ApiMetrics,
  ConfigurationError,
  connectRedis,
  HintQueues,
  installationOf,
  isLoopback,
  LivePolicies,
  logStart,
  lossLog,
  RedisWatch,
  StartCheck,
  type Tracing,
  tellEmptied,
  zoneRulesWatch,
} from "@restart-coordinator/service";
import { WebhookRegistry } from "@restart-coordinator/webhooks";
import type { Logger } from "pino";
import { Tokens } from "./authentication.ts";
import { EventFeed } from "./events/feed.ts";
import { Templates, WorkspaceFiles } from "./files/index.ts";
import { FleetHistory } from "./fleet-history.ts";

export type ApiParts = Awaited<ReturnType<typeof makeParts>>;

/** Makes them all. @throws ConfigurationError on what cannot work; then nothing was opened */
export async function makeParts(config: ApiEnvironment, logger: Logger, tracing: Tracing | undefined) {
  const policies = new LivePolicies(config);
  logStart(config, policies, logger);
  const shadowPolicies = shadowPoliciesOf(config);
  const { tokens, secret } = tokensFor(config);
  const checkSpec = specCheck(config);
  const limits = { maxFileBytes: config.MAX_FILE_BYTES };
  const files = await WorkspaceFiles.open({ directory: config.WORKSPACES_DIR, ...limits });
  const templates = new Templates({
    ...limits,
    ...(config.TEMPLATES_DIR !== undefined && { directory: config.TEMPLATES_DIR }),
  });

  const metrics = new ApiMetrics({ hasShadow: shadowPolicies !== undefined });
  const logLoss = lossLog(logger);
  tracing?.onLost((spans, reason) => {
    metrics.spansLost(spans);
    logLoss(spans, reason);
  });
  const redis = connectRedis(config, "fail-fast", logger);
  const judged: Observer["judged"] = (one) => {
    metrics.observer.judged?.(one);
    shadow?.observe(one);
  };
  const observer = { ...metrics.observer, judged };
  const installation = installationOf(config, { redis, policy: policies, observer });
  const { keys } = installation;
  const hints = new HintQueues(redis, keys, tracing?.hints);
  const coordinator = new RestartCoordinator(installation, {
    onDue: (hint) =>
      hints.enqueue(hint).catch((error: Error) => {
        logger.warn(
          { err: { message: error.message }, workspaceId: hint.workspaceId },
          "a hint was lost; the sweep finds it",
        );
      }),
    traceparent: tracing && (() => tracing.traceparent()),
  });
  const shadow = shadowPolicies && new Shadow(installation, { policies: shadowPolicies, ...metrics.shadow });
  const zoneRules = zoneRulesWatch({
    note: (call) => installation.transitions.noteZoneRules(call),
    matters: () => policies.hasQuietHours || shadowPolicies?.hasQuietHours === true,
    logger,
  });
  const redisWatch = new RedisWatch({ redis, keys, logger });
  const startCheck = new StartCheck({
    ...{ redis, keys, settings: config, isWorker: false, logger },
    onEmptied: () => void tellEmptied(installation, zoneRules, logger),
  });
  const rollouts = new Rollouts(installation);
  const rolloutDriver = new RolloutDriver({ rollouts, coordinator, owner: `api ${hostname()}:${process.pid}` });
  const streams = eventStreams(keys, rollouts.keys);
  const feed = new EventFeed({ redis, streams, logger });
  const history = new FleetHistory(feed);

  const webhooks = {
    registry: new WebhookRegistry(installation, { streams }),
    sending: { timeoutMs: config.WEBHOOK_TIMEOUT_MS, allowPrivate: config.WEBHOOK_ALLOW_PRIVATE },
  };
  const turns = new TurnsCensus(installation);
  metrics.watch({ redisWatch, coordinator, hints, turns, webhooks: () => webhooks.registry.census() });
  metrics.knowSources(coordinator.sources);
  return {
    ...{ coordinator, policies, shadow, shadowPolicies, rollouts, rolloutDriver, files, templates, checkSpec, redis },
    ...{ redisWatch, startCheck, zoneRules, hints, tokens, secret, feed, history, webhooks, metrics, logger, tracing },
  };
}

/**
 * Reads the second policy, which is evaluated without acting: it has the active one's settings, with what the shadow's
 * change.
 */
function shadowPoliciesOf(config: ApiEnvironment): LivePolicies | undefined {
  const { RESTART_SHADOW_PROFILE: profile, RESTART_SHADOW_POLICY_FILE: file } = config;
  if (profile === undefined && file === undefined) return undefined;
  return new LivePolicies({
    RESTART_PROFILE: profile ?? (file === undefined ? config.RESTART_PROFILE : undefined),
    RESTART_POLICY_FILE: file ?? config.RESTART_POLICY_FILE,
    RESTART_COOLDOWN_MS: config.RESTART_COOLDOWN_MS,
  });
}

/** Only with PROVISIONER is it known here what a worker makes of a spec. */
function specCheck(config: ApiEnvironment): SpecCheck {
  if (config.PROVISIONER === undefined) return noSpecCheck;
  try {
    return specCheckFor(config.PROVISIONER, config);
  } catch (error) {
    throw new ConfigurationError([(error as Error).message]);
  }
}

function tokensFor(config: ApiEnvironment): { tokens: Tokens; secret?: string } {
  if (config.API_TOKENS !== undefined) return { tokens: Tokens.parse(config.API_TOKENS) };
  if (!isLoopback(config.HOST)) {
    throw new ConfigurationError([
      `HOST is ${config.HOST}, which others can reach, but there are no API_TOKENS: set name:scope:token, or listen on 127.0.0.1`,
    ]);
  }
  return Tokens.generate();
}
