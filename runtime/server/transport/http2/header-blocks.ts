/**
 * HEADERS and the CONTINUATION that follow → whole header blocks; blocks → requests. Clients repeat themselves: a block of the same bytes
 * on the same table is not decoded again.
 */
import { ConnectionFault, StreamFault } from "./errors.js";
import { FLAG } from "./frames.js";
import { type FieldLimits, HpackDecoder } from "./hpack-decode.js";
import { type RequestHead, readHead, trailersFault } from "./request-head.js";
import type { Field } from "./static-table.js";

/** Bounds of one received block, before it is decoded. */
const MAX_BLOCK = 2 ** 16;
const MAX_CONTINUATIONS = 8;
/** Different blocks that are remembered: the calls that a client makes over and over. */
const REMEMBERED = 4;
const MAX_REMEMBERED = 1024;

/** A request's head, and the call that the server made of it. */
export interface Asked<Call> {
  readonly head: RequestHead;
  readonly call: Call;
}

interface Known<Call> {
  readonly bytes: Buffer;
  readonly generation: number;
  readonly asked: Asked<Call>;
}

/** Takes a whole block. */
export type TakeBlock = (stream: number, end: boolean, bytes: Buffer, from: number, to: number) => void;

export interface HeaderBlocksParts<Call> {
  readonly limits: FieldLimits;
  /** Makes a call of a request's head. */
  read(head: RequestHead): Call;
  /** @param work bytes of a block that was decoded and of the fields in it @throws ConnectionFault where that is too much */
  spend(work: number): void;
}

export class HeaderBlocks<Call> {
  readonly #decoder = new HpackDecoder();
  readonly #limits: FieldLimits;
  readonly #read: (head: RequestHead) => Call;
  readonly #spend: (work: number) => void;
  #known: Known<Call>[] = [];
  /** The block whose CONTINUATION is awaited. */
  #open: { readonly stream: number; readonly end: boolean; readonly parts: Buffer[]; size: number } | undefined;

  constructor({ limits, read, spend }: HeaderBlocksParts<Call>) {
    this.#limits = limits;
    this.#read = read;
    this.#spend = spend;
  }

  #decode(bytes: Buffer, from: number, to: number): Field[] | undefined {
    const fields = this.#decoder.decode(bytes.subarray(from, to), this.#limits);
    this.#spend(this.#decoder.work);
    return fields;
  }

  /** Other frames are refused until the block is whole. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  headers(stream: number, flags: number, bytes: Buffer, start: number, end: number, take: TakeBlock): void {
    let [from, to] = [start, end];
    if (flags & FLAG.PADDED) to -= bytes[from++] ?? 0;
    // Priorities are from before RFC 9113, and mean nothing now.
    if (flags & FLAG.PRIORITY) from += 5;
    if (from > to || from > end)
      throw new ConnectionFault("PROTOCOL_ERROR", "HEADERS that hold more padding than bytes");
    const ends = (flags & FLAG.END_STREAM) !== 0;
    if (flags & FLAG.END_HEADERS) take(stream, ends, bytes, from, to);
    else this.#open = { stream, end: ends, parts: [Buffer.from(bytes.subarray(from, to))], size: to - from };
  }

  continuation(stream: number, flags: number, bytes: Buffer, start: number, end: number, take: TakeBlock): void {
    const open = this.#open;
    if (open?.stream !== stream) throw new ConnectionFault("PROTOCOL_ERROR", "CONTINUATION of no header block");
    open.size += end - start;
    if (open.size > MAX_BLOCK || open.parts.length > MAX_CONTINUATIONS)
      throw new ConnectionFault(
        "ENHANCE_YOUR_CALM",
        `a header block of more than ${MAX_BLOCK} bytes or ${MAX_CONTINUATIONS} frames`,
      );
    open.parts.push(Buffer.from(bytes.subarray(start, end)));
    if (!(flags & FLAG.END_HEADERS)) return;
    this.#open = undefined;
    const whole = Buffer.concat(open.parts);
    take(stream, open.end, whole, 0, whole.length);
  }

  /** @throws StreamFault for a request that can't be served */
  request(stream: number, bytes: Buffer, from: number, to: number): Asked<Call> {
    const { generation } = this.#decoder;
    for (const known of this.#known)
      if (
        known.generation === generation &&
        known.bytes.length === to - from &&
        known.bytes.compare(bytes, from, to) === 0
      )
        return known.asked;
    const fields = this.#decode(bytes, from, to);
    if (!fields) throw new StreamFault(stream, "ENHANCE_YOUR_CALM", "the header fields go over a limit");
    const head = readHead(fields);
    if (typeof head === "string") throw new StreamFault(stream, "PROTOCOL_ERROR", head);
    const asked = { head, call: this.#read(head) };
    if (this.#decoder.generation === generation && to - from <= MAX_REMEMBERED)
      this.#known = [
        { bytes: Buffer.from(bytes.subarray(from, to)), generation, asked },
        ...this.#known.slice(0, REMEMBERED - 1),
      ];
    return asked;
  }

  /** @throws StreamFault for fields that are not allowed in trailers */
  trailers(stream: number, bytes: Buffer, from: number, to: number): void {
    const fields = this.#decode(bytes, from, to);
    if (!fields) throw new StreamFault(stream, "ENHANCE_YOUR_CALM", "the trailers go over a limit");
    const fault = trailersFault(fields);
    if (fault) throw new StreamFault(stream, "PROTOCOL_ERROR", fault);
  }

  /** Decodes a block of an ignored stream, to keep the table in step. */
  skip(bytes: Buffer, from: number, to: number): void {
    this.#decode(bytes, from, to);
  }
}
