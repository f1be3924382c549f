/**
 * The output of a connection: frames of one turn of the event loop are written to the socket together.
 */
import type { Socket } from "node:net";
import type { Charge } from "../../../base/memory/memory-budget.js";

/** Small frames of all connections are written one after the other into blocks of this size. */
const BLOCK = 2 ** 14;
/** Longer data is not copied. */
const BY_REFERENCE = 2 ** 10;
/** Bytes that wait for a socket before streams hold theirs back. */
const FULL = 2 ** 20;

let block = Buffer.allocUnsafeSlow(BLOCK);
let used = 0;

export class Output {
  readonly #socket: Socket;
  readonly #onRoom: () => void;
  readonly #queued: Charge;
  #pieces: Buffer[] = [];
  /** Bytes that this turn has written so far. */
  #waiting = 0;
  #isScheduled = false;
  /** The last piece, still growing: a part of a block. */
  #open: Buffer | undefined;
  #start = 0;
  #end = 0;
  #wasFull = false;
  /** Called after the next write. */
  #whenSent: (() => void)[] = [];

  /** Bytes that the socket held when it was looked at last; they are charged. */
  backlog = 0;
  /** When the socket took the last of them, or began to hold some, on the clock of `performance.now()`. */
  moved = 0;

  /** @param onRoom the socket has taken data that blocked others @param queued is charged with the socket's bytes */
  constructor(socket: Socket, onRoom: () => void, queued: Charge) {
    this.#socket = socket;
    this.#onRoom = onRoom;
    this.#queued = queued;
    socket.on("drain", () => {
      this.#chargeBacklog();
      this.#offerRoom();
    });
  }

  #chargeBacklog(): void {
    const held = this.#socket.writableLength;
    if (held === this.backlog) return;
    if (held < this.backlog || this.backlog === 0) this.moved = performance.now();
    if (held > this.backlog) this.#queued.force(held - this.backlog);
    else this.#queued.subtract(this.backlog - held);
    this.backlog = held;
  }

  /** The socket is behind; what can wait should. */
  get full(): boolean {
    const full = this.#waiting + this.#socket.writableLength > FULL;
    this.#wasFull ||= full;
    return full;
  }

  /** Room for a frame in `bytes`, to be filled at once. @returns where it begins */
  reserve(size: number): number {
    if (used + size > block.length) {
      block = Buffer.allocUnsafeSlow(Math.max(BLOCK, size));
      used = 0;
    }
    if (this.#open !== block || this.#end !== used) {
      this.#close();
      this.#open = block;
      this.#start = used;
    }
    const at = used;
    used += size;
    this.#end = used;
    this.#count(size);
    return at;
  }

  /** The buffer in which `reserve` reserved. */
  get bytes(): Buffer {
    return this.#open!;
  }

  /** Long pieces are kept, not copied, until the socket has taken them. */
  push(piece: Buffer): void {
    if (piece.length <= BY_REFERENCE) {
      const at = this.reserve(piece.length);
      block.set(piece, at);
      return;
    }
    this.#close();
    this.#pieces.push(piece);
    this.#count(piece.length);
  }

  /** Calls back when the socket reads nothing any more that was pushed so far: it has sent it, or is destroyed. */
  whenSent(done: () => void): void {
    this.#whenSent.push(done);
    this.#schedule();
  }

  /** Hands everything to the socket now. @param done called when the socket has taken it, or has closed */
  flush(done?: () => void): void {
    this.#close();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#waiting = 0;
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) {
      if (done) setImmediate(done);
      const left = this.#takeListeners();
      if (left && socket.destroyed) setImmediate(left);
      else if (left) socket.once("close", left);
      return;
    }
    const told = this.#takeListeners(done);
    if (pieces.length === 0) {
      if (told) socket.write("", told);
      return;
    }
    if (pieces.length === 1) socket.write(pieces[0]!, told);
    else {
      socket.cork();
      const last = pieces.length - 1;
      for (let i = 0; i < last; i++) socket.write(pieces[i]!);
      socket.write(pieces[last]!, told);
      socket.uncork();
    }
    this.#chargeBacklog();
    this.#offerRoom();
  }

  #takeListeners(done?: () => void): (() => void) | undefined {
    if (this.#whenSent.length === 0) return done;
    const sent = this.#whenSent;
    this.#whenSent = [];
    return () => {
      for (const act of sent) act();
      done?.();
    };
  }

  #offerRoom(): void {
    if (!this.#wasFull || this.full) return;
    this.#wasFull = false;
    this.#onRoom();
  }

  #close(): void {
    if (!this.#open) return;
    this.#pieces.push(this.#open.subarray(this.#start, this.#end));
    this.#open = undefined;
  }

  #count(size: number): void {
    this.#waiting += size;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(flushScheduled, this);
  }

  /** The turn has ended. */
  flushTurn(): void {
    this.#isScheduled = false;
    this.flush();
  }
}

const flushScheduled = (output: Output): void => output.flushTurn();
