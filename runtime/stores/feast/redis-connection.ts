/**
 * A connection to Redis (one server, a cluster, or a sentinel's target) that responds or fails within a deadline, and reconnects by itself.
 * Features are read by `redis-hashes.ts`, which makes no promise for each command.
 */
import type { RedisStore } from "../../../formats/feast/feast-online-store.js";
import { RuntimeFault } from "../../base/errors.js";
import { type RedisCommand, sendAll } from "../redis-commands.js";
import { connected, makeClient } from "./redis-client.js";
import { redisFaults, within } from "./redis-faults.js";

export interface RedisConnection {
  /**
   * Sends commands in one go and waits for all replies.
   * @throws RuntimeFault UNAVAILABLE when the server is away or does not answer in time; INVALID_ARGUMENT when it refuses a command
   */
  send(commands: readonly RedisCommand[]): Promise<unknown[]>;
  close(): Promise<void>;
}

/** @throws RuntimeFault when no server answers within the deadline */
export async function connectRedis(store: RedisStore, timeoutMs: number): Promise<RedisConnection> {
  const client = makeClient(store, timeoutMs);
  const faults = redisFaults(store, timeoutMs, client);
  try {
    await within(connected(client, store), timeoutMs, () => new Error(`it did not answer within ${timeoutMs} ms`));
  } catch (error) {
    client.disconnect();
    throw faults.away(error);
  }
  return {
    send: async commands => {
      try {
        return await within(sendAll(client, commands, "callBuffer"), timeoutMs, faults.late);
      } catch (error) {
        if (error instanceof RuntimeFault) throw error;
        const { name, message } = error as Error;
        throw name === "ReplyError" ? faults.refused(message) : faults.away(error);
      }
    },
    close: async () => {
      client.disconnect();
    },
  };
}
