/** A Redis Cluster of a test's own: three masters on loopback that share the slots. */
import { eventually } from "./eventually.ts";
import { acknowledged, type Server, startServer } from "./local-servers.ts";

const SLOTS = 16_384;
const SIZE = 3;

export interface TestCluster {
  /** As REDIS_URL takes it; names every node, for one of them may be killed. */
  readonly url: string;
  readonly nodes: readonly Server[];
}

export async function startCluster(): Promise<TestCluster> {
  const options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
  const nodes = await Promise.all(Array.from({ length: SIZE }, () => startServer(options)));
  const [first] = nodes as [Server];
  for (const [i, { redis, port }] of nodes.entries()) {
    await redis.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    const from = Math.ceil((SLOTS * i) / SIZE);
    await redis.call("CLUSTER", "ADDSLOTSRANGE", from, Math.ceil((SLOTS * (i + 1)) / SIZE) - 1);
    if (i > 0) await first.redis.call("CLUSTER", "MEET", "127.0.0.1", port);
  }
  await eventually("every node sees the whole cluster", async () => {
    const infos = await Promise.all(nodes.map(({ redis }) => redis.call("CLUSTER", "INFO")));
    return infos.every((info) => /cluster_state:ok/.test(String(info)) && /cluster_known_nodes:3/.test(String(info)));
  });
  return { url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`, nodes };
}

/** Makes the server a replica of the master, and resolves once it has a copy. */
export async function addReplica({ nodes: [first] }: TestCluster, master: Server): Promise<Server> {
  const replica = await startServer(["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]);
  await replica.redis.call("CLUSTER", "MEET", "127.0.0.1", first?.port as number);
  const id = String(await master.redis.call("CLUSTER", "MYID"));
  await eventually("the new node knows its master", () =>
    replica.redis.call("CLUSTER", "REPLICATE", id).catch(() => false),
  );
  await eventually("the replica is in step", async () =>
    /master_link_status:up/.test(await replica.redis.info("replication")),
  );
  await acknowledged(master);
  return replica;
}
