/**
 * One link of another worker to this one: its requests run here, and their responses are sent back. Nothing but a hello is read before the token
 * was right.
 */
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { Cancellable } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { LARGE } from "../../base/memory/buffer-pool.js";
import type { Charge } from "../../base/memory/memory-budget.js";
import { RequestMemory } from "../../base/memory/request-memory.js";
import { STREAM_BYTES } from "../../wire/grpc/limits.js";
import type { InferResponse } from "../contract.js";
import { readInto } from "../transport/read-into.js";
import {
  decodeClosing,
  decodeHello,
  decodeRequest,
  encodeFault,
  encodeHello,
  encodeResponse,
  encodeSign,
  SHORT_FRAME,
} from "./codec.js";
import type { LinkOptions } from "./forwarded.js";
import { readFrames } from "./frame-reader.js";
import { FRAME, type FrameHeader, type FrameType } from "./frames.js";
import { createOutbox, type Outbox } from "./outbox.js";
import { BadFrame } from "./packer.js";
import type { Received, RunReceived } from "./run-received.js";
import { recordNotes } from "./trace-notes.js";

export interface ServedLinkOptions extends Pick<LinkOptions, "self" | "count" | "token" | "budget" | "silenceMs"> {
  /** How busy this worker is with its own work, from 0 to 1. */
  readonly load: () => number;
  readonly run: RunReceived;
  /** Resolves when no request of this worker needs a version of this generation. */
  readonly released: (generation: string) => Promise<void>;
  /** Another worker has said who it is. */
  readonly onHello: (worker: number) => void;
  /** The link is refused. */
  readonly onRefused: (why: string) => void;
}

/** A hello must be there by then. */
const HELLO_MS = 5000;
/** Bytes of responses that may wait for a worker that does not read them. */
const MOST_WAITING = 2 ** 28;
/** Heartbeats in the time after which the other side gives up. */
const BEATS = 8;

export class ServedLink {
  readonly #socket: Socket;
  readonly #options: ServedLinkOptions;
  readonly #charge: Charge;
  readonly #outbox: Outbox;
  readonly #running = new Map<number, Cancellable>();
  readonly #late: NodeJS.Timeout;
  #isKnown = false;
  /** Memory of the request that arrives. */
  #memory: RequestMemory | undefined;
  #beats: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: ServedLinkOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#charge = options.budget.open();
    this.#outbox = createOutbox(socket, this.#charge);
    this.#late = setTimeout(() => this.#refuse("sent no hello"), HELLO_MS).unref();
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.once("close", () => this.#closed());
    const take = readFrames({
      room: header => this.#room(header),
      frame: (header, body) => this.#frame(header, body),
    });
    readInto(socket, chunk => {
      if (socket.destroyed) return;
      try {
        take(chunk);
      } catch (error) {
        this.#refuse(error instanceof BadFrame ? `sent ${error.message}` : String((error as Error).message));
      }
    });
  }

  /** Sends how busy this worker is. */
  sendLoad(): void {
    if (this.#isKnown) this.#sign(FRAME.load, 0);
  }

  /** Says that this worker is about to end. */
  sendLeaving(): void {
    if (this.#isKnown) this.#sign(FRAME.leaving, 0);
  }

  #room(header: FrameHeader): Buffer | undefined {
    const { length, type } = header;
    if (!this.#isKnown) {
      if (type !== FRAME.hello || length > SHORT_FRAME) throw new BadFrame("something else than a hello");
      return Buffer.allocUnsafe(length);
    }
    if (type === FRAME.closing && length <= SHORT_FRAME) return Buffer.allocUnsafe(length);
    if (type !== FRAME.request) {
      if (length > 0) throw new BadFrame(`a frame of type ${type} with ${length} bytes`);
      return Buffer.alloc(0);
    }
    try {
      if (length > STREAM_BYTES) this.#charge.add(length);
      else this.#charge.force(STREAM_BYTES);
    } catch {
      return undefined;
    }
    if (length < LARGE) return Buffer.allocUnsafe(length);
    this.#memory = new RequestMemory();
    return Buffer.from(this.#memory.take(length), 0, length);
  }

  #frame(header: FrameHeader, body: Buffer | undefined): void {
    const { type, id, head, length } = header;
    if (!this.#isKnown) this.#greet(body!, head);
    else if (type === FRAME.request) {
      const memory = this.#memory;
      this.#memory = undefined;
      if (body) this.#start(header, body, memory);
      else this.#send(encodeFault(tooLarge(length, this.#options.budget.limit), id, this.#options.load(), false));
    } else if (type === FRAME.cancel) this.#running.get(id)?.abort();
    else if (type === FRAME.closing)
      inBackground(
        this.#options.released(decodeClosing(body!, head)).then(() => this.#sign(FRAME.end, id)),
        "releasing a version of another worker",
      );
    else throw new BadFrame(`a frame of type ${type}, which only a worker that runs requests sends`);
  }

  #greet(body: Buffer, head: number): void {
    const { self, count, token, onHello } = this.#options;
    const hello = decodeHello(body, head);
    if (hello.count !== count || hello.self >= count || hello.self === self || !isEqual(hello.token, token))
      throw new BadFrame("the hello of another server");
    this.#isKnown = true;
    clearTimeout(this.#late);
    this.#send(encodeHello({ self, count, token }));
    onHello(hello.self);
  }

  #start({ id, head, length }: FrameHeader, body: Buffer, memory: RequestMemory | undefined): void {
    const { load, run, silenceMs } = this.#options;
    const forwarded = decodeRequest(body, head);
    if (this.#running.has(id)) throw new BadFrame("a request under the number of another");
    const signal = new Cancellable();
    this.#running.set(id, signal);
    this.#beats ??= setInterval(() => this.sendLoad(), silenceMs / BEATS).unref();
    const { traced } = forwarded;
    const recorded = traced && recordNotes(traced.levels, traced.traceparent);
    const received: Received = {
      ...{ forwarded, signal, memory, trace: recorded?.notes },
      answer: answer => this.#send(encodeAmong(answer, id, load())),
    };
    const end = (frame: readonly Uint8Array[]): void => {
      this.#running.delete(id);
      if (this.#running.size === 0) this.#rest();
      if (recorded) this.#send(recorded.encode(id, load()));
      this.#send(frame, () => {
        this.#charge.subtract(Math.max(length, STREAM_BYTES));
        // A cancelled request may still use its buffer.
        if (signal.aborted) memory?.leave();
        else memory?.end();
      });
    };
    run(received)
      .then(result => {
        if (result === undefined) return encodeSign(FRAME.end, id, load());
        return result === "absent" ? encodeSign(FRAME.absent, id, load()) : encodeResponse(result, id, load(), true);
      })
      .catch(error => encodeFault(RuntimeFault.from(error), id, load(), false))
      .then(end, error => this.#refuse((error as Error).message));
  }

  #sign(type: FrameType, id: number): void {
    this.#send(encodeSign(type, id, this.#options.load()));
  }

  #send(pieces: readonly Uint8Array[], sent?: () => void): void {
    if (this.#outbox.waiting > MOST_WAITING) this.#refuse(`left ${MOST_WAITING / 2 ** 20} MiB of responses unread`);
    this.#outbox.send(pieces, sent);
  }

  #refuse(why: string): void {
    if (this.#socket.destroyed) return;
    this.#socket.destroy();
    this.#options.onRefused(why);
  }

  #rest(): void {
    clearInterval(this.#beats);
    this.#beats = undefined;
  }

  #closed(): void {
    clearTimeout(this.#late);
    this.#rest();
    // Their clients have left, or have received a fault.
    for (const signal of this.#running.values()) signal.abort();
    this.#charge.release();
  }
}

/** One of any number of responses. */
function encodeAmong(answer: InferResponse | RuntimeFault, id: number, load: number): readonly Uint8Array[] {
  if (answer instanceof Error) return encodeFault(answer, id, load, true);
  try {
    return encodeResponse(answer, id, load, false);
  } catch (error) {
    return encodeFault(RuntimeFault.from(error), id, load, true);
  }
}

function isEqual(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const tooLarge = (bytes: number, limit: number): RuntimeFault =>
  new RuntimeFault(
    "RESOURCE_EXHAUSTED",
    `a request of ${bytes} bytes does not fit into the worker's memory limit of ${Math.round(limit / 2 ** 20)} MiB now; retry later, or raise --memory-limit`,
  );
