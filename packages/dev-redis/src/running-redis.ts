export type RedisSource = "REDIS_URL" | "redis-server" | "valkey-server" | "docker";

/** A Redis that answers. It may be shared: use keys of your own, never flush it. */
export interface RunningRedis {
  readonly url: string;
  readonly source: RedisSource;
  /** Ends a server we started, and its files; leaves one from `REDIS_URL` alone. May be called twice. */
  stop(): Promise<void>;
}

/** SIGKILL and SIGTERM end the server, SIGSTOP freezes it until SIGCONT. */
export type KillSignal = "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT";

/** A server nobody else uses: a test may kill, freeze, reconfigure or flush it. */
export interface OwnRedis extends RunningRedis {
  /** Of the server now running; none in Docker, nor while killed. */
  readonly pid: number | undefined;
  /** Resolves once the server has ended; for SIGSTOP and SIGCONT at once. */
  kill(signal?: KillSignal): Promise<void>;
  /** Starts it again with the same port, files and options, stopping it first if it still runs. */
  restart(): Promise<void>;
}

export interface OwnRedisOptions {
  /** Pass `REDIS_URL` by: this server will be killed or reconfigured. */
  readonly own: true;
  /** Keep an append-only file, so that `restart()` brings the data back. Default: memory only. */
  readonly appendOnly?: boolean;
  /** "always" loses nothing it acknowledged, even on SIGKILL. Default "everysec". */
  readonly appendfsync?: "always" | "everysec";
  /** Further options as on redis-server's command line, e.g. `["--maxmemory", "50mb"]`. */
  readonly args?: readonly string[];
}
