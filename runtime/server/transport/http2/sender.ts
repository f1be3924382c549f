/**
 * Flow control of sent data. There are windows of the client (RFC 9113 §5.2) for the connection and for each stream, and turns among
 * waiting streams.
 */
import type { Charge } from "../../../base/memory/memory-budget.js";
import { LOOKS } from "../stalled-sockets.js";
import type { AbuseLimits } from "./abuse-limits.js";
import { ConnectionFault } from "./errors.js";
import { FLAG, FRAME, frame, HEAD, headerFrames, putHead } from "./frames.js";
import { NO_TABLE } from "./hpack-encode.js";
import type { Output } from "./output.js";
import { FIRST_SETTINGS, FIRST_WINDOW, GREATEST_WINDOW, type PeerSettings } from "./settings.js";

/** A response in flight: bytes that wait for the window, and the data after them. */
export interface Outgoing {
  readonly id: number;
  window: number;
  pieces: Buffer[];
  /** Bytes of `pieces`. */
  waiting: number;
  /** Sent after `pieces`. `undefined` while more may follow, `null` for an end without trailers. */
  last: Buffer | null | undefined;
  /** How often it was looked at since its last frame, while the client granted it no window. */
  looks: number;
  /** When a part of it was sent last, or it began to wait, on the clock of `performance.now()`. */
  moved: number;
  /** The last frame has been written. */
  onEnd(): void;
  /** Nothing waits any more. */
  onRoom(): void;
}

const CRUMB = 1024;

export class Sender {
  readonly #output: Output;
  readonly #abuse: AbuseLimits;
  readonly #queued: Charge;
  readonly settings: PeerSettings = { ...FIRST_SETTINGS };
  #window = FIRST_WINDOW;
  /** Have bytes and no room; in turns. */
  readonly #stalled = new Set<Outgoing>();
  /** The same of the connection's window. */
  #looks = 0;
  /** Bytes that all answers hold back. */
  waiting = 0;
  /** The client's table is smaller than the default, and our next block must say that we use none (RFC 7541 §4.2). */
  #owesNoTable = false;
  #saidNoTable = false;

  /** @param queued is charged with the bytes that wait */
  constructor(output: Output, abuse: AbuseLimits, queued: Charge) {
    this.#output = output;
    this.#abuse = abuse;
    this.#queued = queued;
  }

  /** @param before what was the first window of streams @param streams that are open */
  applySettings(before: number, streams: Iterable<Outgoing>): void {
    const { initialWindow, tableSize } = this.settings;
    if (tableSize < FIRST_SETTINGS.tableSize && !this.#saidNoTable) this.#owesNoTable = true;
    if (initialWindow === before) return;
    for (const stream of streams) {
      stream.window += initialWindow - before;
      if (stream.window > GREATEST_WINDOW)
        throw new ConnectionFault("FLOW_CONTROL_ERROR", "a window over 2^31 - 1 bytes");
    }
    if (initialWindow > before) this.sendStalled();
  }

  /** @returns false where the window would be over its greatest size */
  grant(increment: number, stream?: Outgoing): boolean {
    if (stream) {
      stream.window += increment;
      if (stream.window > GREATEST_WINDOW) return false;
      if (stream.waiting > 0) this.#send(stream);
      return true;
    }
    this.#window += increment;
    if (this.#window > GREATEST_WINDOW) return false;
    this.sendStalled();
    return true;
  }

  headers(id: number, block: Buffer, end: boolean): void {
    this.#output.push(headerFrames(id, this.#marked(block), end, this.settings.maxPayload));
  }

  /** A whole answer in one go, if there is room for it. @returns false where there is none, and nothing was written */
  whole(stream: Outgoing, head: Buffer, body: readonly Buffer[], trailers: Buffer): boolean {
    let size = 0;
    for (const piece of body) size += piece.length;
    const { maxPayload } = this.settings;
    if (
      size > Math.min(stream.window, this.#window, FIRST_SETTINGS.maxPayload) ||
      head.length >= maxPayload ||
      trailers.length > maxPayload ||
      stream.waiting > 0 ||
      this.#output.full
    )
      return false;
    const first = this.#marked(head);
    let at = this.#output.reserve(3 * HEAD + first.length + size + trailers.length);
    const out = this.#output.bytes;
    at = putHead(out, at, first.length, FRAME.HEADERS, FLAG.END_HEADERS, stream.id);
    out.set(first, at);
    at = putHead(out, at + first.length, size, FRAME.DATA, 0, stream.id);
    for (const piece of body) {
      out.set(piece, at);
      at += piece.length;
    }
    at = putHead(out, at, trailers.length, FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream.id);
    out.set(trailers, at);
    this.#window -= size;
    return true;
  }

  /** Takes bytes of an answer, and sends what there is room for; the rest waits. */
  enqueue(stream: Outgoing, pieces: readonly Buffer[]): void {
    let size = 0;
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      stream.pieces.push(piece);
      size += piece.length;
    }
    if (stream.waiting === 0) stream.moved = performance.now();
    stream.waiting += size;
    this.waiting += size;
    this.#queued.force(size);
    this.#send(stream);
  }

  /** `last` is known: sent now where nothing waits. */
  end(stream: Outgoing): void {
    if (stream.waiting > 0) return;
    if (stream.last === null) this.#output.push(frame(FRAME.DATA, FLAG.END_STREAM, stream.id));
    this.#settle(stream);
  }

  #send(stream: Outgoing): void {
    let moves = true;
    while (moves && stream.waiting > 0) moves = this.#sendFrame(stream);
    if (stream.waiting > 0) this.#stalled.add(stream);
    else this.#settle(stream);
  }

  /** Sends what waits, a frame of each stream in turn. */
  sendStalled(): void {
    let some = true;
    while (some && this.#window > 0 && !this.#output.full) {
      some = false;
      for (const stream of this.#stalled) {
        if (this.#sendFrame(stream)) some = true;
        if (stream.waiting === 0) this.#settle(stream);
      }
    }
  }

  /**
   * Answers for which the client has granted no window for too many looks, of which this is one. While a socket is behind it is the socket's
   * matter (`stalled-sockets.ts`), and while the connection's window is used up streams wait for one another.
   */
  unread(): readonly Outgoing[] {
    if (this.#stalled.size === 0 || this.#output.full) return [];
    if (this.#window <= 0) return ++this.#looks > LOOKS ? [...this.#stalled] : [];
    return [...this.#stalled].filter(stream => stream.window <= 0 && ++stream.looks > LOOKS);
  }

  /** Responses that wait for the client's windows. */
  stalled(): Iterable<Outgoing> {
    return this.#stalled;
  }

  /** Its bytes are not sent any more. */
  drop(stream: Outgoing): void {
    this.#stalled.delete(stream);
    this.waiting -= stream.waiting;
    this.#queued.subtract(stream.waiting);
    stream.waiting = 0;
    stream.pieces = [];
  }

  #settle(stream: Outgoing): void {
    this.#stalled.delete(stream);
    const { last } = stream;
    if (last) this.headers(stream.id, last, true);
    if (last === undefined) stream.onRoom();
    else stream.onEnd();
  }

  #sendFrame(stream: Outgoing): boolean {
    const size = Math.min(stream.waiting, stream.window, this.#window, this.settings.maxPayload);
    if (size <= 0 || this.#output.full) return false;
    stream.window -= size;
    this.#window -= size;
    stream.waiting -= size;
    this.waiting -= size;
    this.#queued.subtract(size);
    this.#looks = 0;
    stream.looks = 0;
    stream.moved = performance.now();
    // A client that grants its window in crumbs makes work for nothing.
    if (size >= CRUMB || stream.waiting === 0) this.#abuse.moved();
    const ends = stream.waiting === 0 && stream.last === null;
    const at = this.#output.reserve(HEAD);
    putHead(this.#output.bytes, at, size, FRAME.DATA, ends ? FLAG.END_STREAM : 0, stream.id);
    let left = size;
    let taken = 0;
    for (; left > 0; taken++) {
      const piece = stream.pieces[taken]!;
      if (piece.length > left) {
        this.#output.push(piece.subarray(0, left));
        stream.pieces[taken] = piece.subarray(left);
        break;
      }
      this.#output.push(piece);
      left -= piece.length;
    }
    if (taken > 0) stream.pieces.splice(0, taken);
    return true;
  }

  #marked(block: Buffer): Buffer {
    if (!this.#owesNoTable) return block;
    this.#owesNoTable = false;
    this.#saidNoTable = true;
    return Buffer.concat([NO_TABLE, block]);
  }
}
