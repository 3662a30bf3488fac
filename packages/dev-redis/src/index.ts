export { redisImage, whyNoContainer } from "./container.ts";
export type { KillSignal, OwnRedis, OwnRedisOptions, RedisSource, RunningRedis } from "./running-redis.ts";
export { startRedis } from "./start-redis.ts";
