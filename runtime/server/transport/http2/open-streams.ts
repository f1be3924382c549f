/**
 * The open streams of one connection by their numbers. A Map would keep streams that have closed until a full garbage collection, as
 * scheduling/job-queue.ts explains.
 */
import { randomInt } from "node:crypto";
import type { Stream } from "./stream.js";

/** Clients choose the numbers. With a random factor, no client can choose many for one bucket. */
const FACTOR = 2 * randomInt(2 ** 31) + 1;
const LEAST_BITS = 3;

export class OpenStreams {
  /** The first stream of each bucket; a stream refers to the next one. A power of two, and never fewer than the streams. */
  #buckets: (Stream | undefined)[] = new Array(2 ** LEAST_BITS).fill(undefined);
  #shift = 32 - LEAST_BITS;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | undefined {
    let stream = this.#buckets[this.#bucketOf(id)];
    while (stream && stream.id !== id) stream = stream.nextInBucket;
    return stream;
  }

  /** @param stream of a number that none here has */
  add(stream: Stream): void {
    if (this.#size === this.#buckets.length) this.#grow();
    this.#put(stream);
    this.#size++;
  }

  /** @returns whether the stream was open */
  delete(stream: Stream): boolean {
    const bucket = this.#bucketOf(stream.id);
    let before: Stream | undefined;
    let at = this.#buckets[bucket];
    while (at && at !== stream) {
      before = at;
      at = at.nextInBucket;
    }
    if (!at) return false;
    if (before) before.nextInBucket = stream.nextInBucket;
    else this.#buckets[bucket] = stream.nextInBucket;
    stream.nextInBucket = undefined;
    this.#size--;
    return true;
  }

  /** All streams, in no order. */
  all(): Stream[] {
    const found: Stream[] = [];
    for (const first of this.#buckets)
      for (let stream = first; stream; stream = stream.nextInBucket) found.push(stream);
    return found;
  }

  #bucketOf(id: number): number {
    return Math.imul(id, FACTOR) >>> this.#shift;
  }

  #put(stream: Stream): void {
    const bucket = this.#bucketOf(stream.id);
    stream.nextInBucket = this.#buckets[bucket];
    this.#buckets[bucket] = stream;
  }

  #grow(): void {
    const streams = this.all();
    this.#buckets = new Array(2 * this.#buckets.length).fill(undefined);
    this.#shift--;
    for (const stream of streams) this.#put(stream);
  }
}
