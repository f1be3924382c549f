/** Commands to Redis that are sent together. */
import { Cluster, type Redis } from "ioredis";

export type RedisCommand = readonly [name: string, ...args: (Buffer | string | number)[]];

/**
 * One write for all on a single server; on a cluster each command is sent to its node, and follows its slot when that moves.
 * @param as whether replies are texts or bytes
 * @throws (rejects) with the first error among the replies
 */
export async function sendAll(
  client: Redis | Cluster,
  commands: readonly RedisCommand[],
  as: "call" | "callBuffer",
): Promise<unknown[]> {
  if (client instanceof Cluster) return Promise.all(commands.map(([name, ...args]) => client[as](name, ...args)));
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline[as](name, ...args);
  return (await pipeline.exec())!.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
