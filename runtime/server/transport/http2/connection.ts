/**
 * One HTTP/2 connection of a server (RFC 9113) over a socket, plain or TLS, from its greeting to its end.
 */
import type { Socket } from "node:net";
import type { Charge, MemoryBudget } from "../../../base/memory/memory-budget.js";
import type { Relief, Unread } from "../relief.js";
import { AbuseLimits } from "./abuse-limits.js";
import { ConnectionFault, type ErrorName } from "./errors.js";
import { FrameIntake, PING_SIZE } from "./frame-intake.js";
import { FrameReader } from "./frame-reader.js";
import { goawayFrame, PREFACE, pingFrame } from "./frames.js";
import type { Http2Limits } from "./limits.js";
import { Output } from "./output.js";
import { Receiver } from "./receiver.js";
import { Sender } from "./sender.js";
import { settingsFrame } from "./settings.js";
import { SlicedReader } from "./sliced-reader.js";
import type { StreamConnection } from "./stream.js";
import { type Http2Handler, Streams } from "./streams.js";

/** Observes a connection. */
export interface ConnectionWatch {
  streamOpened?(): void;
  pinged?(): void;
  /** A stream was reset, since the client read nothing of its answer. */
  stalled?(stream: number): void;
  /** @param fault why, where it was not in peace */
  closed?(fault?: Error): void;
}

/** The interface of a connection. */
export interface Http2Connection extends StreamConnection {
  readonly openStreams: number;
  readonly destroyed: boolean;
  watch(watch: ConnectionWatch): void;
  /** Serves no new streams, and ends when the open ones have. */
  drain(): void;
  /**
   * Drains the connection in two steps (RFC 9113 §6.8). GOAWAY without a last stream is first. When the client has received it, GOAWAY with
   * the last one that is served follows. Ends when no stream is open.
   */
  retire(): void;
  /** Checks the data that the client has not read, and cancels streams that it has left for too long. */
  lookForStalls(): void;
  /** Responses that wait for the client. */
  unread(): Iterable<Unread>;
  /** Ends the connection now, and says why. */
  goAway(code: ErrorName, text: string): void;
  /** @param answered the client is there */
  ping(answered: () => void): void;
}

/** How long frames of one connection are served before it is the turn of others. */
const SLICE_MS = 1;
/** How long a client has to read why its connection ends, or to close what has ended in peace. */
const FAULT_LINGER_MS = 1000;
const PEACE_LINGER_MS = 100;
/** Milliseconds that a new client has for its first stream once the server stops. */
const FIRST_STREAM_MS = 1000;
/** Milliseconds that a client has to answer a ping while its connection retires. */
const ROUND_TRIP_MS = 150;
const NO_LAST_STREAM = 2 ** 31 - 1;
const UNREAD = "the server's memory is used up, and this client does not read";

/** The memory of the server that a connection is a part of. */
export interface ConnectionMemory {
  readonly budget: MemoryBudget;
  readonly relief: Relief;
}

export class Connection<Call> implements Http2Connection {
  readonly #socket: Socket;
  readonly #output: Output;
  /** Bytes that wait for the client to read, or for their turn. */
  readonly #queued: Charge;
  readonly #sender: Sender;
  readonly #abuse: AbuseLimits;
  readonly #reader: FrameReader;
  readonly #streams: Streams<Call>;
  readonly #greeting: NodeJS.Timeout;
  /** Pings of ours that wait for an answer, in their order. */
  readonly #pings: (() => void)[] = [];
  #watches: ConnectionWatch[] = [];
  /** Received bytes of the preface. */
  #greeted = 0;
  /** `draining`: what is open may end, nothing new is served. `ending`: nothing is read any more. */
  #state: "open" | "draining" | "ending" | "closed" = "open";

  readonly #began = performance.now();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isRetiring = false;
  #isAnnounced = false;

  constructor(socket: Socket, handler: Http2Handler<Call>, limits: Http2Limits, { budget, relief }: ConnectionMemory) {
    this.#socket = socket;
    this.#queued = budget.open();
    const output = new Output(socket, () => this.#sender.sendStalled(), this.#queued);
    const receiver = new Receiver(output, { connection: limits.connectionWindow, stream: limits.streamWindow });
    this.#output = output;
    this.#abuse = new AbuseLimits(output, limits);
    this.#sender = new Sender(output, this.#abuse, this.#queued);
    this.#streams = new Streams({
      output,
      queued: this.#queued,
      relief,
      receiver,
      sender: this.#sender,
      abuse: this.#abuse,
      handler,
      limits,
      connection: this,
      accepts: () => this.#state === "open",
      opened: () => {
        for (const watch of this.#watches) watch.streamOpened?.();
      },
      emptied: () => {
        if (this.#isRetiring) this.#announce();
        this.#endIfDrained();
      },
    });
    const intake = new FrameIntake({
      streams: this.#streams,
      sender: this.#sender,
      abuse: this.#abuse,
      maxSettings: limits.maxSettings,
      greeted: () => clearTimeout(this.#greeting),
      pinged: () => {
        for (const watch of this.#watches) watch.pinged?.();
      },
      answered: () => this.#pings.shift()?.(),
      leaves: () => {
        if (this.#state === "open") this.#state = "draining";
        this.#endIfDrained();
      },
    });
    this.#reader = new FrameReader(intake.take);
    this.#greeting = setTimeout(() => {
      this.#fail(new ConnectionFault("SETTINGS_TIMEOUT", "no greeting in time"));
    }, limits.greetingTime).unref();
    new SlicedReader(socket, this.#read, this.#queued);
    socket.on("error", error => this.#close(error));
    // A client that has ended its side is not there to read answers.
    socket.on("end", () => {
      if (this.#state !== "ending") this.destroy();
    });
    socket.on("close", () => this.#close());
    output.push(settingsFrame(limits));
    receiver.openWindow();
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  get destroyed(): boolean {
    return this.#state === "closed";
  }

  watch(watch: ConnectionWatch): void {
    this.#watches.push(watch);
  }

  drain(): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.#output.push(goawayFrame(this.#streams.last, "NO_ERROR"));
    this.#endIfDrained();
  }

  retire(): void {
    if (this.#isRetiring) return;
    this.#isRetiring = true;
    // A client that has just connected may have written its first call already.
    const left = this.#streams.last === 0 ? FIRST_STREAM_MS - (performance.now() - this.#began) : 0;
    if (left > 0) this.#after(left, () => this.#announce());
    else this.#announce();
  }

  /** Streams that the client opens before it has received this are served. */
  #announce(): void {
    if (this.#isAnnounced || this.#state !== "open") return;
    this.#isAnnounced = true;
    this.#output.push(goawayFrame(NO_LAST_STREAM, "NO_ERROR"));
    this.#afterRoundTrip(() => this.drain());
  }

  /** Acts when the client has answered a ping, or has had the time to. */
  #afterRoundTrip(act: () => void): void {
    let isOver = false;
    const once = (): void => {
      if (!isOver) act();
      isOver = true;
    };
    this.ping(once);
    this.#after(ROUND_TRIP_MS, once);
  }

  #after(milliseconds: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, milliseconds);
    this.#timers.add(timer.unref());
  }

  lookForStalls(): void {
    for (const { id } of this.#sender.unread()) {
      this.#streams.get(id)?.reset("ENHANCE_YOUR_CALM");
      for (const watch of this.#watches) watch.stalled?.(id);
    }
  }

  *unread(): Iterable<Unread> {
    const { backlog, moved } = this.#output;
    // A socket that takes nothing holds up all streams.
    if (this.#output.full)
      yield { bytes: backlog + this.#sender.waiting, moved, cut: () => this.goAway("ENHANCE_YOUR_CALM", UNREAD) };
    else
      for (const { id, waiting, moved } of this.#sender.stalled())
        yield { bytes: waiting, moved, cut: () => this.#streams.get(id)?.reset("ENHANCE_YOUR_CALM") };
  }

  goAway(code: ErrorName, text: string): void {
    this.#fail(new ConnectionFault(code, text));
  }

  destroy(): void {
    this.#close();
    this.#socket.destroy();
  }

  ping(answered: () => void): void {
    this.#pings.push(answered);
    this.#output.push(pingFrame(Buffer.alloc(PING_SIZE), false));
  }

  whenWritten(done: () => void): void {
    this.#output.flush(done);
  }

  whenSent(done: () => void): void {
    this.#output.whenSent(done);
  }

  readonly #read = (chunk: Buffer): number => {
    if (this.#state === "ending" || this.#state === "closed") return chunk.length;
    try {
      if (this.#greeted === PREFACE.length) return this.#reader.read(chunk, SLICE_MS);
      const frames = this.#greet(chunk);
      return chunk.length - frames.length + this.#reader.read(frames, SLICE_MS);
    } catch (error) {
      this.#fail(error as Error);
      return chunk.length;
    }
  };

  /** @returns what follows the preface */
  #greet(chunk: Buffer): Buffer {
    const part = Math.min(chunk.length, PREFACE.length - this.#greeted);
    if (PREFACE.compare(chunk, 0, part, this.#greeted, this.#greeted + part) !== 0)
      throw new ConnectionFault("PROTOCOL_ERROR", "the client does not speak HTTP/2");
    this.#greeted += part;
    return chunk.subarray(part);
  }

  #endIfDrained(): void {
    if (this.#state !== "draining" || this.#streams.size > 0) return;
    this.#state = "ending";
    this.#endOutput(() => this.#linger(PEACE_LINGER_MS));
  }

  /** Ends the connection with a GOAWAY: the client broke a rule, or the server did. */
  #fail(fault: Error): void {
    if (this.#state === "ending" || this.#state === "closed") return;
    this.#state = "ending";
    const known = fault instanceof ConnectionFault;
    this.#output.push(
      goawayFrame(this.#streams.last, known ? fault.code : "INTERNAL_ERROR", known ? fault.message : ""),
    );
    this.#streams.closeAll();
    this.#tell(fault);
    this.#endOutput();
    this.#linger(FAULT_LINGER_MS);
  }

  #endOutput(written?: () => void): void {
    this.#reader.stop();
    clearTimeout(this.#greeting);
    this.#output.flush();
    this.#socket.end(written);
  }

  /** The other side is read away for a while: bytes that are not read would make the kernel throw away what was written last. */
  #linger(milliseconds: number): void {
    const timer = setTimeout(() => this.#socket.destroy(), milliseconds).unref();
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #close(fault?: Error): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#greeting);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#reader.stop();
    this.#streams.closeAll();
    this.#queued.release();
    this.#tell(fault);
  }

  #tell(fault?: Error): void {
    const watches = this.#watches;
    this.#watches = [];
    for (const watch of watches) watch.closed?.(fault);
  }
}
