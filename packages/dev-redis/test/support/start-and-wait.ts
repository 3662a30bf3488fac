/** A process that starts a Redis, tells about it, and stays until it is killed. */
import { startRedis } from "@restart-coordinator/dev-redis";

const redis = await startRedis({ own: true });
console.log(JSON.stringify({ url: redis.url, pid: redis.pid }));
setInterval(() => {}, 60_000);
