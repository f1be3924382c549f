/**
 * The link to one other worker: dials its socket, forwards requests, and returns its responses. It dials again after the other worker has ended.
 */
import { connect, type Socket } from "node:net";
import type { RuntimeFault } from "../../base/errors.js";
import { bufferPool, LARGE } from "../../base/memory/buffer-pool.js";
import type { Charge } from "../../base/memory/memory-budget.js";
import type { InferRequest } from "../contract.js";
import type { AnswerSink } from "../requests/placement.js";
import { readInto } from "../transport/read-into.js";
import {
  decodeFault,
  decodeHello,
  decodeResponse,
  encodeClosing,
  encodeHello,
  encodeRequest,
  encodeSign,
  type ForwardedRequest,
  SHORT_FRAME,
} from "./codec.js";
import { ABSENT, type Forwarded, type LinkOptions, type Pending } from "./forwarded.js";
import { readFrames } from "./frame-reader.js";
import { FRAME, type FrameHeader } from "./frames.js";
import { notReading, responseTooLarge, workerGone } from "./link-faults.js";
import { createOutbox, type Outbox } from "./outbox.js";
import { BadFrame } from "./packer.js";
import { replayNotes } from "./trace-notes.js";

const FIRST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 500;
/** A worker that does not say hello by then is dialed again. */
const GREETING_MS = 5000;
/** Bytes that may wait for a worker that does not read them. */
const MOST_WAITING = 2 ** 26;
/** A worker that announces its end keeps serving for this time, while this one may be about to end as well. */
const GRACE_MS = 1000;
/** Checks without a frame until a worker counts as hung; a check of this worker's own may be late. */
const CHECKS = 4;

export class PeerLink {
  readonly index: number;
  /** How busy the other worker is with its own work, from 0 to 1. */
  load = 0;
  /** Microseconds of work that were forwarded and are not answered. */
  outstanding = 0;
  readonly #options: LinkOptions;
  readonly #charge: Charge;
  readonly #pending = new Map<number, Pending>();
  /** Questions whether the other worker needs a version. */
  readonly #closings = new Map<number, () => void>();
  #socket: Socket | undefined;
  #outbox: Outbox | undefined;
  #state: "away" | "greeting" | "live" | "leaving" = "away";
  #ended = false;
  #delay = FIRST_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #silent = 0;
  #lastId = 0;
  #reason: string | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.index = options.index;
    this.#charge = options.budget.open();
  }

  get isLive(): boolean {
    return this.#state === "live";
  }

  /** Whether it takes requests that need not run there. */
  get isOpen(): boolean {
    return this.#state === "live" && this.#outbox!.waiting < MOST_WAITING / 4;
  }

  /** Dials now, where it would have waited. */
  dial(): void {
    if (this.#ended || this.#socket) return;
    clearTimeout(this.#timer);
    this.#state = "greeting";
    const socket = connect({ path: this.#options.path });
    this.#socket = socket;
    socket.on("error", () => {});
    socket.once("close", () => this.#closed(socket));
    socket.once("connect", () => this.#greet(socket));
    this.#timer = setTimeout(() => socket.destroy(), GREETING_MS).unref();
  }

  /**
   * Runs a request at the other worker. Its bytes are in use until the promise settles.
   * @param cost expected microseconds of work
   * @throws RuntimeFault, the other worker's or UNAVAILABLE if it does not respond
   */
  forward(
    wire: ForwardedRequest,
    request: InferRequest,
    sink: AnswerSink | undefined,
    cost: number,
  ): Promise<Forwarded> {
    const outbox = this.#outbox;
    if (!this.isLive || !outbox) return Promise.reject(this.#gone());
    if (outbox.waiting > MOST_WAITING) return Promise.reject(notReading(this.index, MOST_WAITING));
    return new Promise((resolve, reject) => {
      const id = this.#nextId();
      const frame = encodeRequest(wire, id, 0);
      const cancel = (): void => outbox.send(encodeSign(FRAME.cancel, id, 0));
      const { signal } = request;
      this.#pending.set(id, { request, sink, cost, resolve, reject, cancel });
      this.outstanding += cost;
      this.#watchSilence();
      outbox.send(frame);
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** Resolves when the other worker does not need this version any more, or is away. */
  async released(generation: string): Promise<void> {
    const outbox = this.#outbox;
    if (!this.isLive || !outbox || this.#ended) return;
    await new Promise<void>(resolve => {
      const id = this.#nextId();
      this.#closings.set(id, resolve);
      outbox.send(encodeClosing(generation, id));
    });
  }

  /** Forwards no more, and closes the link when all is answered. */
  async end(patience: number): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    if (this.#pending.size > 0 && patience > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>(resolve => {
        this.#whenIdle = resolve;
        timer = setTimeout(resolve, patience);
      });
      clearTimeout(timer);
    }
    this.#socket?.destroy();
  }

  #greet(socket: Socket): void {
    const { self, count, token } = this.#options;
    const outbox = createOutbox(socket, this.#charge);
    this.#outbox = outbox;
    const take = readFrames({
      room: header => this.#room(header),
      frame: (header, body) => this.#frame(header, body),
    });
    readInto(socket, chunk => {
      try {
        take(chunk);
      } catch (error) {
        this.#reason = error instanceof BadFrame ? `sent ${error.message}` : undefined;
        socket.destroy();
      }
    });
    outbox.send(encodeHello({ self, count, token }));
  }

  #room(header: FrameHeader): Buffer | undefined {
    const { length, type, id } = header;
    if (this.#state === "greeting") {
      if (type !== FRAME.hello || length > SHORT_FRAME) throw new BadFrame("something else than a hello");
      return Buffer.allocUnsafe(length);
    }
    if (length < LARGE) return Buffer.allocUnsafe(length);
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    try {
      this.#charge.add(length);
    } catch {
      return undefined;
    }
    if (!pending.request.memory) return Buffer.allocUnsafeSlow(length);
    pending.pooled = bufferPool.take(length);
    return Buffer.from(pending.pooled, 0, length);
  }

  #frame(header: FrameHeader, body: Buffer | undefined): void {
    this.#silent = 0;
    const { type } = header;
    if (this.#state === "greeting") {
      this.#welcome(body!, header.head);
      return;
    }
    this.load = header.load;
    if (body && body.length >= LARGE) this.#charge.subtract(body.length);
    if (type === FRAME.load) return;
    if (type === FRAME.leaving) {
      const socket = this.#socket;
      setTimeout(() => this.#socket === socket && this.#leave(), GRACE_MS).unref();
      return;
    }
    const closing = type === FRAME.end && this.#closings.get(header.id);
    if (closing) {
      this.#closings.delete(header.id);
      closing();
      return;
    }
    const pending = this.#pending.get(header.id);
    if (!pending) return;
    if (body) this.#take(header, body, pending);
    else this.#settle(header.id, pending, () => pending.reject(responseTooLarge(this.index, header.length)));
  }

  #take({ type, id, head }: FrameHeader, body: Buffer, pending: Pending): void {
    const { pooled, request, sink } = pending;
    if (pooled) {
      pending.pooled = undefined;
      request.memory!.adopt(pooled, bufferPool);
    }
    if (type === FRAME.response) sink?.(decodeResponse(body, head));
    else if (type === FRAME.faultAmong) sink?.(decodeFault(body, head));
    else if (type === FRAME.notes) {
      if (request.trace) replayNotes(request.trace, body, head);
    } else if (type === FRAME.last) {
      const response = decodeResponse(body, head);
      this.#settle(id, pending, () => pending.resolve(response));
    } else if (type === FRAME.end) this.#settle(id, pending, () => pending.resolve(undefined));
    else if (type === FRAME.absent) this.#settle(id, pending, () => pending.resolve(ABSENT));
    else if (type === FRAME.fault) {
      const fault = decodeFault(body, head);
      this.#settle(id, pending, () => pending.reject(fault));
    } else throw new BadFrame(`a frame of type ${type}, which only a caller sends`);
  }

  #settle(id: number, { request, cancel, cost }: Pending, act: () => void): void {
    this.#pending.delete(id);
    this.outstanding = this.#pending.size === 0 ? 0 : this.outstanding - cost;
    request.signal?.removeEventListener("abort", cancel);
    act();
    if (this.#pending.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#whenIdle?.();
    if (this.#state === "leaving") this.#socket?.destroy();
  }

  #welcome(body: Buffer, head: number): void {
    const { index, token, count } = this.#options;
    const hello = decodeHello(body, head);
    if (hello.self !== index || hello.count !== count || hello.token !== token)
      throw new BadFrame("the hello of another server");
    clearTimeout(this.#timer);
    this.#state = "live";
    this.#delay = FIRST_DELAY_MS;
    this.#reason = undefined;
    this.#options.onChange();
  }

  /** The other worker stops, and this one does not. */
  #leave(): void {
    if (this.#ended || this.#state !== "live") return;
    this.#state = "leaving";
    this.#options.onChange();
    if (this.#pending.size === 0) this.#socket?.destroy();
  }

  #closed(socket: Socket): void {
    if (this.#socket !== socket) return;
    const wasLive = this.#state === "live";
    clearTimeout(this.#timer);
    this.#socket = undefined;
    this.#outbox = undefined;
    this.#state = "away";
    this.load = 0;
    const fault = this.#gone();
    const failed = [...this.#pending];
    for (const [id, pending] of failed) this.#settle(id, pending, () => pending.reject(fault));
    this.#charge.release();
    for (const resolve of this.#closings.values()) resolve();
    this.#closings.clear();
    if (failed.length > 0) this.#options.onLost(failed.length);
    if (wasLive) this.#options.onChange();
    if (this.#ended) return;
    this.#timer = setTimeout(() => this.dial(), this.#delay).unref();
    this.#delay = Math.min(LONGEST_DELAY_MS, 2 * this.#delay);
  }

  #watchSilence(): void {
    if (this.#watch) return;
    this.#silent = 0;
    this.#watch = setInterval(() => {
      if (++this.#silent <= CHECKS) return;
      this.#reason = `did not respond for ${this.#options.silenceMs / 1000} s`;
      this.#socket?.destroy();
    }, this.#options.silenceMs / CHECKS).unref();
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#pending.has(this.#lastId) || this.#closings.has(this.#lastId));
    return this.#lastId;
  }

  #gone(): RuntimeFault {
    return workerGone(this.index, this.#reason ?? "ended before it responded");
  }
}
