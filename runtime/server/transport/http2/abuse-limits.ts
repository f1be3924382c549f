/**
 * Closes connections that send too many useless frames (rapid reset, ping floods).
 */

import { ConnectionFault } from "./errors.js";
import type { Http2Limits } from "./limits.js";
import type { Output } from "./output.js";
import { TokenBucket } from "./token-bucket.js";

/** Idle frames that a stream which ends well forgives: a window update or two, a ping, an empty end. */
const FORGIVEN = 4;
/** Header work that such a stream forgives, in bytes. */
const FORGIVEN_WORK = 2 ** 15;
/** Frames that answer the client's, while it reads nothing. */
const MAX_UNREAD = 1000;

export class AbuseLimits {
  readonly #output: Output;
  readonly #resets: TokenBucket;
  readonly #idle: TokenBucket;
  readonly #headers: TokenBucket;
  #unread = 0;

  constructor(output: Output, { resets, idleFrames, headerWork }: Http2Limits) {
    this.#output = output;
    this.#resets = new TokenBucket(...resets);
    this.#idle = new TokenBucket(...idleFrames);
    this.#headers = new TokenBucket(...headerWork);
  }

  /** Counts a stream that was reset by the client, or through its fault. Nothing compensates it, since the stream's work may go on. @throws ConnectionFault */
  reset(): void {
    if (!this.#resets.spend()) throw new ConnectionFault("ENHANCE_YOUR_CALM", "too many streams are reset");
  }

  /** Counts a useless frame. @throws ConnectionFault */
  idle(): void {
    if (!this.#idle.spend()) throw new ConnectionFault("ENHANCE_YOUR_CALM", "too many frames without use");
  }

  /** A header block was decoded; a repeated one costs nothing. @throws ConnectionFault */
  headers(work: number): void {
    if (work > 0 && !this.#headers.spend(work))
      throw new ConnectionFault("ENHANCE_YOUR_CALM", "header fields cost too much");
  }

  endedWell(): void {
    this.#idle.relieve(FORGIVEN);
    this.#headers.relieve(FORGIVEN_WORK);
  }

  /** Data was sent or received: the client may reply with one or two window updates. */
  moved(): void {
    this.#idle.relieve(2);
  }

  /** Replies to a frame. Limited for a client that sends and never reads. @throws ConnectionFault */
  reply(frame: Buffer): void {
    if (!this.#output.full) this.#unread = 0;
    else if (++this.#unread > MAX_UNREAD)
      throw new ConnectionFault("ENHANCE_YOUR_CALM", "too many answers are not read");
    this.#output.push(frame);
  }
}
