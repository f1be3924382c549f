/**
 * One request and its response, as the request's handler sees them.
 */
import type { ErrorName } from "./errors.js";
import { HeldData } from "./held-data.js";
import type { Incoming } from "./receiver.js";
import type { RequestHead } from "./request-head.js";
import type { Outgoing } from "./sender.js";

/** Takes the body of a request. Nothing is called any more when the stream is closed. */
export interface StreamSink {
  /** @param chunk a part of the socket's read: valid until the call returns, and read-only */
  data(chunk: Buffer): void;
  end(): void;
}

/** The connection of a stream, for handlers that must end it. */
export interface StreamConnection {
  destroy(): void;
  /** Calls back when all that was written is with the socket. */
  whenWritten(done: () => void): void;
  /** Calls back when nothing reads the written memory any more: its bytes are sent, or the connection is destroyed. */
  whenSent(done: () => void): void;
}

/** The parts of the connection that a stream uses. */
export interface StreamCarrier {
  headers(stream: Stream, block: Buffer, end: boolean): void;
  /** @returns false where there is no room for it, and nothing was written */
  whole(stream: Stream, head: Buffer, body: readonly Buffer[], trailers: Buffer): boolean;
  enqueue(stream: Stream, pieces: readonly Buffer[]): void;
  endAnswer(stream: Stream): void;
  used(stream: Stream, bytes: number): void;
  /** Bytes are kept until the stream resumes. */
  held(bytes: number): void;
  passed(bytes: number): void;
  answered(stream: Stream): void;
  /** Fewer bytes wait for the client. */
  hasRoom(): void;
  reset(stream: Stream, code: ErrorName): void;
}

/** Bytes of one answer that may wait before `write` says false. */
const ENOUGH = 2 ** 16;
const EMPTY: StreamSink = { data() {}, end() {} };

export class Stream implements Incoming, Outgoing {
  /** @internal Windows and bytes on their way, which sender and receiver keep. */
  allowed: number;
  used = 0;
  window: number;
  pieces: Buffer[] = [];
  waiting = 0;
  last: Buffer | null | undefined;
  looks = 0;
  moved = 0;
  /** @internal For the connection's open streams. */
  nextInBucket: Stream | undefined;

  /** The stream can neither send nor receive. */
  closed = false;
  /** An answer has begun. */
  begun = false;
  /** The client's side has ended. */
  complete = false;
  /** Received bytes of the body. */
  received = 0;
  #sink: StreamSink = EMPTY;
  #onClose: (() => void)[] | undefined;
  #whenSent: (() => void)[] = [];
  #paused = false;
  /** The client reads too little of other answers. */
  #deferred = false;
  /** Data received while the stream was paused. */
  #held: HeldData | undefined;
  #endHeld = false;

  readonly #carrier: StreamCarrier;

  /** @param windows of both directions */
  constructor(
    readonly id: number,
    readonly head: RequestHead,
    readonly connection: StreamConnection,
    carrier: StreamCarrier,
    windows: { readonly allowed: number; readonly window: number },
  ) {
    this.#carrier = carrier;
    this.allowed = windows.allowed;
    this.window = windows.window;
  }

  /** More may be written to the answer. */
  get writable(): boolean {
    return !this.closed && this.last === undefined;
  }

  /** Called before the end of the turn in which the stream was opened; otherwise received data is lost. */
  listen(sink: StreamSink): void {
    this.#sink = sink;
  }

  onClose(act: () => void): void {
    if (this.#onClose) this.#onClose.push(act);
    else this.#onClose = [act];
  }

  /** Like `onClose`, and at once where the stream is closed already. */
  onceClosed(act: () => void): void {
    if (this.closed) act();
    else this.onClose(act);
  }

  /** Calls back when nothing that was written waits for the client any more, or the stream is closed. */
  whenSent(act: () => void): void {
    if (this.waiting === 0) act();
    else this.#whenSent.push(act);
  }

  /** @param block of encoded fields @param end there is no body */
  respond(block: Buffer, end = false): void {
    if (this.closed || this.begun) return;
    this.begun = true;
    if (end) this.last = null;
    this.#carrier.headers(this, block, end);
    if (end) this.#carrier.answered(this);
  }

  /** The pieces are kept until they have left. @returns false when the client is behind; `whenSent` says when it is no more */
  write(pieces: readonly Buffer[]): boolean {
    if (!this.writable) return true;
    this.#carrier.enqueue(this, pieces);
    return this.waiting < ENOUGH;
  }

  end(trailers?: Buffer): void {
    if (!this.writable) return;
    this.last = trailers ?? null;
    this.#carrier.endAnswer(this);
  }

  /** A whole answer: head, body and trailers. */
  answer(head: Buffer, body: readonly Buffer[], trailers: Buffer): void {
    if (this.closed || this.begun) return;
    if (this.#carrier.whole(this, head, body, trailers)) {
      this.begun = true;
      this.last = null;
      this.#carrier.answered(this);
      return;
    }
    this.respond(head);
    this.write(body);
    this.end(trailers);
  }

  /** The rest of the body waits, and so does the client when its window is used up. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#passHeld();
  }

  /** @internal The same as `pause`, by the connection. */
  defer(): void {
    this.#deferred = true;
  }

  /** @internal */
  goOn(): void {
    this.#deferred = false;
    this.#passHeld();
  }

  get #waits(): boolean {
    return this.#paused || this.#deferred;
  }

  #passHeld(): void {
    const held = this.#held;
    while (held && held.size > 0 && !this.#waits && !this.closed)
      held.shift(bytes => {
        this.#carrier.passed(bytes.length);
        this.#pass(bytes);
      });
    if (held && held.size > 0) return;
    if (this.#endHeld && !this.#waits && !this.closed) {
      this.#endHeld = false;
      this.#sink.end();
    }
  }

  reset(code: ErrorName): void {
    if (!this.closed) this.#carrier.reset(this, code);
  }

  /** @internal */
  takeData(chunk: Buffer): void {
    if (this.#waits) {
      this.#held ??= new HeldData();
      this.#held.add(chunk);
      this.#carrier.held(chunk.length);
    } else this.#pass(chunk);
  }

  /** @internal */
  takeEnd(): void {
    if (this.#waits) this.#endHeld = true;
    else this.#sink.end();
  }

  /** @internal Outgoing */
  onRoom(): void {
    this.#tellSent();
    this.#carrier.hasRoom();
  }

  /** @internal Outgoing */
  onEnd(): void {
    this.#carrier.answered(this);
  }

  /** @internal Called once, by the connection. */
  close(): void {
    this.closed = true;
    const left = this.#held?.clear() ?? 0;
    if (left > 0) {
      this.#carrier.passed(left);
      this.#carrier.used(this, left);
    }
    this.#sink = EMPTY;
    const acts = this.#onClose;
    this.#onClose = undefined;
    if (acts) for (const act of acts) act();
    this.#tellSent();
  }

  #tellSent(): void {
    if (this.#whenSent.length > 0) for (const act of this.#whenSent.splice(0)) act();
  }

  #pass(chunk: Buffer): void {
    this.#sink.data(chunk);
    this.#carrier.used(this, chunk.length);
  }
}
