/**
 * The streams of one connection (RFC 9113 §5.1): the allowed frames for each, from its first HEADERS to late ones after its end.
 */
import type { Charge } from "../../../base/memory/memory-budget.js";
import type { Relief } from "../relief.js";
import type { AbuseLimits } from "./abuse-limits.js";
import { ClosedStreams, type Ending } from "./closed-streams.js";
import { ConnectionFault, type ErrorName, StreamFault } from "./errors.js";
import { FLAG, resetFrame } from "./frames.js";
import { HeaderBlocks } from "./header-blocks.js";
import type { Http2Limits } from "./limits.js";
import { OpenStreams } from "./open-streams.js";
import type { Output } from "./output.js";
import type { Receiver } from "./receiver.js";
import type { RequestHead } from "./request-head.js";
import type { Sender } from "./sender.js";
import { Stream, type StreamCarrier, type StreamConnection } from "./stream.js";

/** How requests are served. */
export interface Http2Handler<Call> {
  /** Parses a request's head; called once for heads that repeat. */
  read(head: RequestHead): Call;
  open(stream: Stream, call: Call): void;
}

export interface StreamsParts<Call> {
  readonly output: Output;
  /** Is charged with bytes that wait. */
  readonly queued: Charge;
  readonly relief: Relief;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly abuse: AbuseLimits;
  readonly handler: Http2Handler<Call>;
  readonly limits: Http2Limits;
  readonly connection: StreamConnection;
  /** Whether new streams are served. */
  accepts(): boolean;
  opened(): void;
  /** The last open stream has closed. */
  emptied(): void;
}

/** Shorter DATA frames are suspicious for a body. */
const TINY = 32;

export class Streams<Call> implements StreamCarrier {
  readonly #parts: StreamsParts<Call>;
  readonly #open = new OpenStreams();
  readonly #closed = new ClosedStreams();
  readonly blocks: HeaderBlocks<Call>;
  /** Requests that wait until the client has read more of other answers. */
  readonly #deferred = new Set<Stream>();
  #isReleasing = false;
  /** The highest that a client has opened. */
  last = 0;

  constructor(parts: StreamsParts<Call>) {
    this.#parts = parts;
    const { limits, handler, abuse } = parts;
    this.blocks = new HeaderBlocks({
      limits: { bytes: limits.maxHeaderListSize, fields: limits.maxHeaderFields },
      read: head => handler.read(head),
      spend: work => abuse.headers(work),
    });
  }

  get size(): number {
    return this.#open.size;
  }

  all(): readonly Stream[] {
    return this.#open.all();
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /** For frames that only streams get which the client has opened. */
  expectOpened(what: string, id: number): void {
    if (id === 0 || id % 2 === 0 || id > this.last)
      throw new ConnectionFault("PROTOCOL_ERROR", `${what} of stream ${id}, which was never opened`);
  }

  data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const { receiver, abuse } = this.#parts;
    const size = end - start;
    this.expectOpened("DATA", id);
    receiver.take(size);
    const stream = this.#open.get(id);
    const ends = (flags & FLAG.END_STREAM) !== 0;
    let [from, to] = [start, end];
    if (flags & FLAG.PADDED) {
      to -= bytes[from++] ?? 0;
      if (from > to) throw new ConnectionFault("PROTOCOL_ERROR", "DATA that holds more padding than bytes");
    }
    if (stream && to - from >= TINY) abuse.moved();
    else if (!stream || !ends) abuse.idle();
    if (!stream || stream.complete) receiver.give(size);
    if (!stream) {
      this.#expectUnaware("DATA", id);
      return;
    }
    if (stream.complete) throw new StreamFault(id, "STREAM_CLOSED", "DATA after the end");
    stream.allowed -= size;
    if (stream.allowed < 0) {
      receiver.give(size);
      throw new StreamFault(id, "FLOW_CONTROL_ERROR", "more bytes than the stream's window allows");
    }
    if (size > to - from) receiver.give(size - (to - from), ends ? undefined : stream);
    stream.received += to - from;
    if (ends) stream.complete = true;
    if (to > from) {
      this.#deferIfFull(stream);
      stream.takeData(bytes.subarray(from, to));
    }
    if (ends) this.#end(stream);
  }

  readonly takeBlock = (id: number, ends: boolean, bytes: Buffer, from: number, to: number): void => {
    const stream = this.#open.get(id);
    if (stream) this.#trailers(stream, ends, bytes, from, to);
    else if (id > this.last) this.#request(id, ends, bytes, from, to);
    else {
      const ending = this.#expectUnaware("HEADERS", id);
      if (!ending) throw new ConnectionFault("PROTOCOL_ERROR", `stream ${id} is opened after stream ${this.last}`);
      this.#parts.abuse.idle();
      this.blocks.skip(bytes, from, to);
    }
  };

  #request(id: number, ends: boolean, bytes: Buffer, from: number, to: number): void {
    const { limits, sender, handler, connection } = this.#parts;
    this.last = id;
    const { head, call } = this.blocks.request(id, bytes, from, to);
    if (!this.#parts.accepts() || this.#open.size >= limits.maxStreams)
      throw new StreamFault(id, "REFUSED_STREAM", "no more streams are served");
    if (sender.waiting > limits.maxWaiting)
      throw new StreamFault(id, "ENHANCE_YOUR_CALM", "too many answers wait to be read");
    const windows = { allowed: limits.streamWindow, window: sender.settings.initialWindow };
    const stream = new Stream(id, head, connection, this, windows);
    this.#open.add(stream);
    if (ends) stream.complete = true;
    this.#parts.opened();
    handler.open(stream, call);
    if (ends) this.#end(stream);
  }

  #trailers(stream: Stream, ends: boolean, bytes: Buffer, from: number, to: number): void {
    this.blocks.trailers(stream.id, bytes, from, to);
    if (stream.complete) throw new StreamFault(stream.id, "STREAM_CLOSED", "HEADERS after the end");
    if (!ends) throw new StreamFault(stream.id, "PROTOCOL_ERROR", "trailers that end nothing");
    stream.complete = true;
    this.#end(stream);
  }

  /** The request is whole. */
  #end(stream: Stream): void {
    if (stream.closed) return;
    const { length } = stream.head;
    if (length !== undefined && length !== stream.received)
      throw new StreamFault(stream.id, "PROTOCOL_ERROR", `${stream.received} bytes and a content-length of ${length}`);
    this.#deferIfFull(stream);
    stream.takeEnd();
  }

  #deferIfFull(stream: Stream): void {
    const { sender, limits } = this.#parts;
    if (sender.waiting <= limits.holdWaiting || stream.waiting > 0) return;
    stream.defer();
    this.#deferred.add(stream);
  }

  hasRoom(): void {
    const { sender, limits } = this.#parts;
    if (this.#deferred.size === 0 || this.#isReleasing) return;
    this.#isReleasing = true;
    for (const stream of this.#deferred) {
      if (sender.waiting > limits.holdWaiting) break;
      this.#deferred.delete(stream);
      stream.goOn();
    }
    this.#isReleasing = false;
  }

  /** The client has given the stream up. */
  cancelled(id: number): void {
    this.expectOpened("RST_STREAM", id);
    this.#parts.abuse.reset();
    const stream = this.#open.get(id);
    if (stream) this.#close(stream, "ended");
  }

  /** A stream that may still be open for the client. @throws ConnectionFault if the client has seen its end */
  #expectUnaware(what: string, id: number): Ending | undefined {
    const ending = this.#closed.ending(id);
    if (ending === "ended") throw new ConnectionFault("STREAM_CLOSED", `${what} after the end of stream ${id}`);
    return ending;
  }

  /** Resets a stream through the client's fault. */
  refuse({ stream: id, code }: StreamFault): void {
    const { abuse } = this.#parts;
    abuse.reply(resetFrame(id, code));
    const stream = this.#open.get(id);
    if (stream) this.#close(stream, "reset");
    else this.#closed.remember(id, "reset");
    abuse.reset();
  }

  closeAll(): void {
    this.#deferred.clear();
    for (const stream of this.#open.all()) this.#close(stream, "ended");
  }

  #close(stream: Stream, how: Ending): void {
    if (!this.#open.delete(stream)) return;
    this.#closed.remember(stream.id, how);
    this.#parts.sender.drop(stream);
    this.#deferred.delete(stream);
    stream.close();
    this.hasRoom();
    if (this.#open.size === 0) this.#parts.emptied();
  }

  // Called by streams.

  headers(stream: Stream, block: Buffer, end: boolean): void {
    this.#parts.sender.headers(stream.id, block, end);
  }

  whole(stream: Stream, head: Buffer, body: readonly Buffer[], trailers: Buffer): boolean {
    return this.#parts.sender.whole(stream, head, body, trailers);
  }

  enqueue(stream: Stream, pieces: readonly Buffer[]): void {
    this.#parts.sender.enqueue(stream, pieces);
    if (stream.waiting > 0) this.#parts.relief.check();
  }

  endAnswer(stream: Stream): void {
    this.#parts.sender.end(stream);
  }

  held(bytes: number): void {
    this.#parts.queued.force(bytes);
  }

  used(stream: Stream, bytes: number): void {
    this.#parts.receiver.give(bytes, stream.closed || stream.complete ? undefined : stream);
  }

  passed(bytes: number): void {
    this.#parts.queued.subtract(bytes);
  }

  answered(stream: Stream): void {
    if (stream.closed) return;
    this.#parts.abuse.endedWell();
    // An answer that is there before the whole request is makes the rest of it needless (RFC 9113 §8.1).
    if (!stream.complete) this.#parts.output.push(resetFrame(stream.id, "NO_ERROR"));
    this.#close(stream, stream.complete ? "ended" : "reset");
  }

  reset(stream: Stream, code: ErrorName): void {
    this.#parts.output.push(resetFrame(stream.id, code));
    this.#close(stream, "reset");
  }
}
