/**
 * One connection: its requests, one after the other. Data that arrives while a request is served waits for its turn.
 */
import type { Socket } from "node:net";
import { readInto } from "../read-into.js";
import { LONG_READ, waitForTurn } from "../read-turns.js";
import { ChunkReader } from "./chunk-reader.js";
import { ConnectionMemory, type ServerMemory, unlimited } from "./connection-memory.js";
import { Exchange, type ExchangeCarrier } from "./exchange.js";
import { BadRequest } from "./fault.js";
import { HeadReader } from "./head-reader.js";
import { HeldBytes } from "./held-bytes.js";
import type { Http1Limits } from "./limits.js";
import { BAD_REQUEST, CONTINUE, printHead, type ReplyFields, writeReply } from "./reply.js";
import type { RequestHead } from "./request-head.js";

/** Bytes of later requests that are kept while one is served. */
const MOST_HELD = 2 ** 16;
/** Bytes of answers that wait for the client before its next request is read. */
const MOST_UNREAD = 2 ** 20;

/** A read costs about the same whatever its size. After this many small reads for one request, the connection pauses, and the kernel collects bytes. */
const SMALL_READ = 256;
const MOST_SMALL_READS = 128;
const COLLECT_MS = 5;
/** So does a chunk of a body. After this many small chunks, the connection pauses after each read. */
const SMALL_CHUNK = 16;
const MOST_SMALL_CHUNKS = 4096;
const SMALL_CHUNKS_MS = 20;
/** libuv reads a socket many times in a row. After a long read, in bytes or time, other connections are served first. */
const SOME_READ = 2 ** 12;
const TURN_MS = 1;
/** Bytes of a chunked body that are read away after its answer: it may go on for ever. */
const MOST_DISCARDED = 2 ** 24;

/** Milliseconds that a stopping server waits for a request: after a connect or the begin of a request, and after an answer. */
const FIRST_REQUEST_MS = 1000;
const NEXT_REQUEST_MS = 50;
/** Milliseconds that a client has to read the last response before its connection is destroyed, if it keeps sending. */
const LINGER = 5000;

/** Serves a request: it reads the body, or discards it, and answers. */
export type Http1Handler = (exchange: Exchange) => void;

export class Connection implements ExchangeCarrier {
  readonly #socket: Socket;
  readonly #serve: Http1Handler;
  readonly #limits: Http1Limits;
  readonly #heads: HeadReader;
  readonly #memory: ConnectionMemory;
  /** The request that is being read and served. */
  #exchange: Exchange | undefined;
  /** Remaining bytes of its body, or the reader of its chunks. */
  #body: number | ChunkReader = 0;
  /** Received data that could not be used yet. */
  readonly #held = new HeldBytes();
  /** Small reads of the request so far. */
  #smallReads = 0;
  /** Small chunks of its body so far. */
  #smallChunks = 0;
  #collecting: NodeJS.Timeout | undefined;
  #givesWay = false;
  /** Bytes that were read of the body after its answer. */
  #discarded = 0;
  #isReading = false;
  /** No more requests are read. */
  #over = false;
  /** It ends after the answer that is under way. */
  #isLast = false;
  /** When what is waited for began: a head, a body, or the next request. */
  #since = performance.now();
  #hasServed = false;
  #whenRoom: (() => void)[] = [];
  #retiring: NodeJS.Timeout | undefined;

  constructor(socket: Socket, serve: Http1Handler, limits: Http1Limits, memory: ServerMemory = unlimited()) {
    this.#socket = socket;
    this.#serve = serve;
    this.#limits = limits;
    this.#heads = new HeadReader(limits);
    this.#memory = new ConnectionMemory(socket, memory);
    readInto(socket, chunk => this.#take(chunk));
    socket.on("end", () => this.#ended());
    socket.on("close", () => this.#closed());
    socket.on("drain", () => this.#hasRoom());
  }

  /** Ends with its next answer, and serves on until then. */
  leave(): void {
    this.#isLast = true;
  }

  /**
   * Ends when the request in flight is answered. Without a request, an idle connection ends after the received data is read. A client that
   * has just connected, has begun a request or was just answered may have one on its way, and gets a short delay.
   */
  retire(): void {
    this.#isLast = true;
    if (this.#exchange || this.#over) return;
    const isIdle = this.#hasServed && this.#held.size === 0;
    const left = (isIdle ? NEXT_REQUEST_MS : FIRST_REQUEST_MS) - (performance.now() - this.#since);
    const end = (): void => {
      if (!this.#exchange && !this.#over) this.#close();
    };
    if (left > 0) this.#retiring = setTimeout(end, left);
    // The first turn may have begun before bytes of this connection arrived.
    else setImmediate(() => setImmediate(end));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  get memory(): ConnectionMemory {
    return this.#memory;
  }

  /** Ends a connection that takes too long. @param now milliseconds */
  look(now: number): void {
    const { headTime, requestTime, idleTime } = this.#limits;
    const waited = now - this.#since;
    if (this.#over) {
      if (waited > LINGER && this.#socket.writableFinished) this.destroy();
    } else if (this.#exchange) {
      if (!this.#exchange.complete && waited > requestTime) this.#refuse();
    } else if (this.#held.size > 0 || !this.#hasServed) {
      if (waited > headTime) this.#refuse();
    } else if (waited > idleTime) this.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    const began = chunk.length < SOME_READ ? 0 : performance.now();
    const isHeld = this.#held.size > 0;
    const wasIdle = !isHeld && !this.#exchange;
    if (isHeld) this.#held.append(chunk);
    const chunksBefore = this.#smallChunks;
    this.#read(chunk, isHeld);
    if (chunk.length < SMALL_READ && ++this.#smallReads > MOST_SMALL_READS) this.#collect(COLLECT_MS);
    if (this.#smallChunks > MOST_SMALL_CHUNKS && this.#smallChunks > chunksBefore) this.#collect(SMALL_CHUNKS_MS);
    if (wasIdle && (this.#held.size > 0 || this.#exchange)) this.#since = performance.now();
    if (began > 0 && (chunk.length >= LONG_READ || performance.now() - began > TURN_MS))
      this.#giveWay(chunk.length <= LONG_READ);
  }

  #giveWay(isNew: boolean): void {
    if (this.#over || this.#givesWay) return;
    this.#givesWay = true;
    this.#socket.pause();
    waitForTurn(() => {
      this.#givesWay = false;
      this.#goOn();
    }, isNew);
  }

  /** Pauses the socket, so that a client that writes byte by byte, or chunks of a byte, takes little of the event loop. */
  #collect(milliseconds: number): void {
    if (this.#over || this.#collecting) return;
    this.#socket.pause();
    this.#collecting = setTimeout(() => {
      this.#collecting = undefined;
      // Pauses of many connections end together: each has a turn of its own.
      if (!this.#over) this.#giveWay(false);
    }, milliseconds);
  }

  get #mayRead(): boolean {
    return this.#held.size <= MOST_HELD || !(this.#exchange || this.#isBehind);
  }

  /** Continues with the held data. */
  #resume(): void {
    if (this.#isReading || this.#over) return;
    if (this.#held.size > 0) this.#read(undefined, true);
    this.#goOn();
  }

  /** Reads the socket again, unless something else holds that back. */
  #goOn(): void {
    if (this.#socket.isPaused() && !this.#collecting && !this.#givesWay && this.#mayRead) this.#socket.resume();
  }

  /** @param chunk received data; undefined to continue with the held data @param isHeld whether it is the held data already */
  #read(chunk: Buffer | undefined, isHeld: boolean): void {
    this.#isReading = true;
    const bytes = isHeld ? this.#held.view() : chunk!;
    let at = 0;
    try {
      at = this.#advance(bytes);
    } catch (fault) {
      if (!(fault instanceof BadRequest)) throw fault;
      this.#refuse();
    } finally {
      this.#isReading = false;
    }
    if (this.#over) return;
    if (isHeld) this.#held.drop(at);
    else if (at < bytes.length) this.#held.append(bytes, at);
    this.#memory.update(this.#held.size);
    if (!this.#mayRead) this.#socket.pause();
  }

  /** @returns the place after what could be used */
  #advance(bytes: Buffer): number {
    let at = 0;
    while (!this.#over) {
      const exchange = this.#exchange;
      if (!exchange) {
        if (at === bytes.length || this.#isBehind) return at;
        const head = this.#heads.read(bytes, at);
        at = this.#heads.end;
        if (!head) return at;
        this.#open(head);
      } else if (exchange.complete || !exchange.isDecided) return at;
      else {
        at = this.#readBody(exchange, bytes, at);
        if (!exchange.complete) return at;
        this.#completed(exchange);
      }
    }
    return at;
  }

  #open(head: RequestHead): void {
    const exchange = new Exchange(head, this);
    this.#exchange = exchange;
    this.#discarded = 0;
    this.#smallChunks = 0;
    this.#body = head.body === "chunked" ? new ChunkReader(this.#limits.maxHeadSize) : head.body;
    if (head.expects === "continue") this.#socket.write(CONTINUE, "latin1");
    if (head.expects !== "unknown") this.#serve(exchange);
    else {
      exchange.discardBody();
      exchange.reply(417, [["Content-Length", 0]], []);
    }
  }

  #readBody(exchange: Exchange, bytes: Buffer, from: number): number {
    const body = this.#body;
    if (typeof body !== "number") {
      const end = body.read(bytes, from, (chunk, start, stop) => {
        if (stop - start < SMALL_CHUNK) this.#smallChunks++;
        exchange.sink?.data(chunk, start, stop);
      });
      exchange.complete = body.done;
      if (exchange.answered && !body.done) {
        this.#discarded += end - from;
        if (this.#discarded > MOST_DISCARDED) this.#close();
      }
      return end;
    }
    const end = Math.min(bytes.length, from + body);
    const left = body - (end - from);
    this.#body = left;
    if (end > from) exchange.sink?.data(bytes, from, end);
    exchange.complete = left === 0;
    return end;
  }

  #completed(exchange: Exchange): void {
    const { sink } = exchange;
    exchange.sink = undefined;
    sink?.end();
    if (exchange.answered) this.#finish();
  }

  decided(): void {
    this.#resume();
  }

  reply(exchange: Exchange, status: number, fields: ReplyFields, body: readonly Buffer[], sent?: () => void): void {
    const head = printHead(status, this.#isLastFor(exchange) ? closing(exchange, fields) : fields);
    const pieces = exchange.head.method === "HEAD" ? [] : body;
    writeReply(this.#socket, head, pieces, sent && this.#memory.chargedElsewhere(sizeOf(pieces), sent));
    this.end(exchange, false);
    this.#memory.update(this.#held.size);
  }

  begin(exchange: Exchange, status: number, fields: ReplyFields): void {
    // HTTP/1.0 has no chunks: there the end of the connection ends the response.
    if (exchange.head.minor === 0) this.#isLast = true;
    const ended = this.#isLastFor(exchange) ? closing(exchange, fields) : fields;
    const all: ReplyFields = exchange.head.minor === 0 ? ended : [...ended, ["Transfer-Encoding", "chunked"]];
    this.#socket.write(printHead(status, all), "latin1");
  }

  write({ head }: Exchange, text: string): boolean {
    const size = Buffer.byteLength(text).toString(16);
    const hasRoom = this.#socket.write(head.minor === 0 ? text : `${size}\r\n${text}\r\n`);
    if (!hasRoom) this.#memory.update(this.#held.size);
    return hasRoom;
  }

  /** @param hasParts the response was sent part by part */
  end(exchange: Exchange, hasParts = true): void {
    if (hasParts && exchange.head.minor === 1) this.#socket.write("0\r\n\r\n", "latin1");
    exchange.answered = true;
    if (!exchange.complete) exchange.discardBody();
    if (this.#isLastFor(exchange)) this.#close();
    else if (exchange.complete && this.#exchange === exchange) this.#finish();
  }

  whenRoom(act: () => void): void {
    this.#whenRoom.push(act);
  }

  cut(status: number, fields: ReplyFields, sent: Buffer): void {
    this.#over = true;
    writeReply(this.#socket, printHead(status, fields), [sent], () => this.destroy());
  }

  /** The request is read and answered. */
  #finish(): void {
    this.#exchange = undefined;
    this.#hasServed = true;
    this.#since = performance.now();
    this.#smallReads = 0;
    this.#resume();
  }

  #isLastFor({ head, isLast }: Exchange): boolean {
    return this.#isLast || isLast || !head.keepsAlive;
  }

  get #isBehind(): boolean {
    return this.#socket.writableLength > MOST_UNREAD;
  }

  #hasRoom(): void {
    this.#memory.update(this.#held.size);
    const waiting = this.#whenRoom;
    this.#whenRoom = [];
    for (const act of waiting) act();
    if (!this.#exchange) this.#resume();
  }

  /** Ends the connection after what was written. A client that still sends could lose it if its data were not read. */
  #close(): void {
    const exchange = this.#exchange;
    this.#stop();
    this.#exchange = undefined;
    if (!exchange || exchange.complete) this.#socket.destroySoon();
    else this.#socket.end();
  }

  /** Responds to bytes that are not a request, or to a request that takes too long. */
  #refuse(): void {
    const begun = this.#exchange?.begun;
    this.#stop();
    this.#leave();
    if (begun) this.destroy();
    else if (this.#socket.writable) this.#socket.end(BAD_REQUEST, "latin1");
  }

  #stop(): void {
    this.#over = true;
    this.#held.clear();
    this.#since = performance.now();
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** The client sends nothing any more. As with Node's server, it waits for nothing either. */
  #ended(): void {
    this.#stop();
    this.#leave();
    this.#socket.destroySoon();
  }

  #closed(): void {
    this.#over = true;
    clearTimeout(this.#collecting);
    clearTimeout(this.#retiring);
    this.#held.clear();
    this.#memory.release();
    this.#leave();
    this.#whenRoom = [];
  }

  /** Cancels the request: its client has disconnected. */
  #leave(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (!exchange) return;
    const { sink } = exchange;
    exchange.sink = undefined;
    if (!exchange.answered) exchange.gone.abort();
    sink?.cut();
  }
}

function sizeOf(pieces: readonly Buffer[]): number {
  let size = 0;
  for (const piece of pieces) size += piece.length;
  return size;
}

/** A client of HTTP/1.0 expects nothing else. */
const closing = ({ head }: Exchange, fields: ReplyFields): ReplyFields =>
  head.minor === 0 ? fields : [...fields, ["Connection", "close"]];
