export { redisImage, whyNoContainer } from "./container.ts";
export { onFreePort } from "./free-port.ts";
export { type Guard, type GuardOptions, startGuard } from "./guard.ts";
export type { KillSignal, OwnRedis, OwnRedisOptions, RedisSource, RunningRedis } from "./running-redis.ts";
export { startRedis } from "./start-redis.ts";
