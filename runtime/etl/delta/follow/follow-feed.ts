/** Applies the changes of a feed to an index, each batch in one commit with the feed's position, until it is stopped. */
import { setTimeout as delay } from "node:timers/promises";
import type { Feed, FeedBatch, Warn } from "./feed.js";
import { openDeltaSession, passes, type SessionOptions } from "./session.js";

/** Time before a fault that passes by itself is tried again. */
const RETRY_MS = 500;

export interface FollowOptions extends SessionOptions {
  /** Ends when nothing new is there. Faults are then thrown. */
  readonly once: boolean;
  /** Ends after the present batch. */
  readonly signal: AbortSignal;
  readonly onBatch: (batch: FeedBatch) => void;
  readonly warn: Warn;
}

export interface Followed {
  readonly batches: number;
  readonly upserts: number;
  readonly deletes: number;
}

/**
 * A process that ends at any moment leaves each batch applied or not applied, and the next one continues there.
 * @param path a FAISS file, or a model with one
 * @throws RuntimeFault naming the index or the source
 */
export async function followFeed(path: string, feed: Feed, options: FollowOptions): Promise<Followed> {
  const { once, signal, onBatch, warn } = options;
  const session = await openDeltaSession(path, feed.name, options);
  let [batches, upserts, deletes] = [0, 0, 0];
  let warned = "";
  const step = async (): Promise<boolean> => {
    const batch = await feed.next(session.position, session.form, once);
    if (!batch) return false;
    if (!(await session.append(batch, batch.position))) return true;
    batch.done();
    batches++;
    upserts += batch.counts.upserts;
    deletes += batch.counts.deletes;
    onBatch(batch);
    return true;
  };
  while (!signal.aborted)
    try {
      const hadMore = await step();
      warned = "";
      if (hadMore) continue;
      if (once) break;
      await feed.idle(signal);
    } catch (error) {
      if (once || !passes(error)) throw error;
      const { message } = error as Error;
      if (message !== warned) warn(`${message} Trying again.`);
      warned = message;
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  return { batches, upserts, deletes };
}
