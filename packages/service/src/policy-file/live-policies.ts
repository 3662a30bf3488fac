/**
 * The policies of a running process. The file is read again when it changes and on SIGHUP, all or nothing: one that cannot
 * work is told with its reason, and the policies in force stay.
 */
import { createHash } from "node:crypto";
import { overrideFor, type PolicyProvider, type RegistryFacts } from "@restart-coordinator/debounce";
import type { Logger } from "pino";
import { ConfigurationError } from "../configuration-error.ts";
import type { ExplainedPolicy } from "./layered-policy.ts";
import { type ExplainedPolicySet, lookingAhead, type PolicySettings, policiesOf } from "./load.ts";
import { aroundNow } from "./quiet-hours/index.ts";
import { readText } from "./read.ts";

/** Whether the file that is there is the one in force. */
export interface PolicyFileStatus {
  /** Undefined without a file. */
  readonly file: string | undefined;
  /** Names what is in force; the same at every process with the same file and settings. */
  readonly revision: string;
  readonly loadedAt: Date;
  /** Why the file that is there now cannot be used; undefined when it is in force. */
  readonly rejected: { readonly at: Date; readonly reason: string } | undefined;
}

/** The file is read this often, ms: its content says whether it changed, whatever its times and whoever put it there. */
const LOOK_EVERY_MS = 1_000;
/** After so long quiet hours are reckoned anew, each when it is asked for. */
const QUIET_HOURS_FOR_MS = 3_600_000;

export class LivePolicies implements PolicyProvider {
  readonly #settings: PolicySettings;
  #current: ExplainedPolicySet;
  /** Quiet hours that come are known for some days. */
  #madeAt = Date.now();
  #status: PolicyFileStatus;
  /** What the file held when it was last looked at. */
  #seen: string | undefined;
  #onReload: ((loaded: boolean) => void) | undefined;
  #unwatch: (() => void) | undefined;

  /** @throws ConfigurationError */
  constructor(settings: PolicySettings) {
    const { RESTART_POLICY_FILE: file } = settings;
    this.#settings = settings;
    const text = file === undefined ? "" : readText(file);
    this.#seen = text;
    this.#current = policiesOf(text, settings, aroundNow(this.#madeAt));
    this.#status = { file, revision: revisionOf(text, settings), loadedAt: new Date(), rejected: undefined };
  }

  get policies(): ExplainedPolicySet {
    if (Date.now() - this.#madeAt > QUIET_HOURS_FOR_MS) this.#lookAhead();
    return this.#current;
  }

  /** Whether anything goes by a time zone. */
  get hasQuietHours(): boolean {
    const { common, overrides } = this.#current;
    return [common, ...overrides.map(({ policy }) => policy)].some(({ quietHours }) => quietHours !== undefined);
  }

  get revision(): string {
    return this.#status.revision;
  }

  get status(): PolicyFileStatus {
    return this.#status;
  }

  #lookAhead(): void {
    this.#madeAt = Date.now();
    this.#current = lookingAhead(this.#current, aroundNow(this.#madeAt));
  }

  /** What a workspace's policy is, value by value, and the override it comes by. */
  explain(facts: RegistryFacts): ExplainedPolicy & { readonly override: string | undefined } {
    const override = overrideFor(this.policies, facts);
    const explained = this.#current.overrides.find(({ name }) => name === override?.name)?.explained;
    return { ...(explained ?? this.#current.explainedCommon), override: override?.name };
  }

  /** Reads the file again; tells whether what it says is in force now. */
  reload(logger: Logger): boolean {
    const { RESTART_POLICY_FILE: file } = this.#settings;
    if (file === undefined) return true;
    this.#seen = contentOf(file);
    try {
      const text = readText(file);
      const now = Date.now();
      this.#current = policiesOf(text, this.#settings, aroundNow(now));
      this.#madeAt = now;
      this.#status = { file, revision: revisionOf(text, this.#settings), loadedAt: new Date(), rejected: undefined };
      logger.info({ file, revision: this.#status.revision }, "the policy file was read again");
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      this.#status = { ...this.#status, rejected: { at: new Date(), reason: error.message } };
      const { revision } = this.#status;
      logger.error({ file, revision, reason: error.message }, "the policy file cannot be used: the old policies stay");
    }
    const isLoaded = this.#status.rejected === undefined;
    this.#onReload?.(isLoaded);
    return isLoaded;
  }

  /** From now on the file is read again when it changes, and on SIGHUP. Without a file nothing is watched. */
  watch(logger: Logger, onReload?: (loaded: boolean) => void): void {
    const { RESTART_POLICY_FILE: file } = this.#settings;
    if (file === undefined || this.#unwatch !== undefined) return;
    this.#onReload = onReload;
    const reload = (): void => void this.reload(logger);
    const look = (): void => {
      if (contentOf(file) !== this.#seen) reload();
    };
    const timer = setInterval(look, LOOK_EVERY_MS).unref();
    process.on("SIGHUP", reload);
    this.#unwatch = () => {
      clearInterval(timer);
      process.off("SIGHUP", reload);
    };
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }
}

/** Undefined when it cannot be read: that, too, is told once. */
function contentOf(file: string): string | undefined {
  try {
    return readText(file);
  } catch {
    return undefined;
  }
}

function revisionOf(text: string, { RESTART_PROFILE, RESTART_COOLDOWN_MS }: PolicySettings): string {
  const settings = JSON.stringify([RESTART_PROFILE, RESTART_COOLDOWN_MS, text]);
  return createHash("sha256").update(settings).digest("hex").slice(0, 12);
}
