import type { OwnRedisOptions } from "./running-redis.ts";

export type ServerOptions = Omit<OwnRedisOptions, "own">;

/** How every server we start is told what it shall do, wherever it runs. */
export function commandLine({ appendOnly = false, appendfsync = "everysec", args = [] }: ServerOptions): string[] {
  return ["--save", "", ...(appendOnly ? ["--appendonly", "yes", "--appendfsync", appendfsync] : []), ...args];
}
