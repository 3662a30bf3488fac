/** A process that starts a Redis, tells about it, and has nothing more to do. */
import { startRedis } from "@restart-coordinator/dev-redis";

const redis = await startRedis({ own: true });
console.log(JSON.stringify({ url: redis.url, pid: redis.pid }));
