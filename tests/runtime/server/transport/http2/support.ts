/**
 * A server for the tests of this folder, and a client that writes frames by hand and reads them with its own few lines.
 */
import { connect, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { expect } from "vitest";
import type { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { Http2Connection } from "#runtime/server/transport/http2/connection.js";
import { encodeFields } from "#runtime/server/transport/http2/hpack-encode.js";
import { DEFAULT_LIMITS, type Http2Limits } from "#runtime/server/transport/http2/limits.js";
import { createHttp2Server } from "#runtime/server/transport/http2/serve.js";
import type { Stream } from "#runtime/server/transport/http2/stream.js";
import { listen } from "#runtime/server/transport/listen.js";

export const OK = encodeFields([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);
export const WELL = encodeFields([["grpc-status", "0"]]);

/** `expect.poll` with patience for machines that are busy. */
export const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 5 });

export interface Seen {
  /** Paths of the requests in order. */
  readonly opened: string[];
  readonly closed: string[];
  /** How often a head was read, not taken from memory. */
  heads: number;
  readonly faults: (Error | undefined)[];
  readonly connections: Http2Connection[];
}

export type Act = (stream: Stream) => void;

/** Answers every body with itself and a status in trailers, when it is whole. */
export const echo: Act = stream => {
  const chunks: Buffer[] = [];
  stream.listen({
    data: chunk => {
      chunks.push(Buffer.from(chunk));
    },
    end: () => stream.answer(OK, chunks, WELL),
  });
};

/** Answers with this number of bytes at once. */
export const zeros =
  (bytes: number): Act =>
  stream => {
    stream.respond(OK);
    stream.write([Buffer.alloc(bytes)]);
    stream.end(WELL);
  };

export interface StartOptions {
  readonly limits?: Partial<Http2Limits>;
  readonly tls?: TlsOptions;
  readonly budget?: MemoryBudget;
}

/** @param acts by path; other paths are echoed */
export async function start(acts: Readonly<Record<string, Act>> = {}, { limits, tls, budget }: StartOptions = {}) {
  const seen: Seen = { opened: [], closed: [], heads: 0, faults: [], connections: [] };
  const { server, drain } = createHttp2Server<string>({
    handler: {
      read: ({ path }) => {
        seen.heads++;
        return path;
      },
      open: (stream, path) => {
        seen.opened.push(path);
        stream.onClose(() => seen.closed.push(path));
        (acts[path] ?? echo)(stream);
      },
    },
    limits: { ...DEFAULT_LIMITS, ...limits },
    tls,
    ...(budget && { budget }),
    connected: connection => {
      seen.connections.push(connection);
      connection.watch({ closed: fault => seen.faults.push(fault) });
    },
  });
  const listener = await listen(server, { address: "127.0.0.1", port: 0 }, drain);
  return { ...listener, seen, url: `http${tls ? "s" : ""}://127.0.0.1:${listener.port}` };
}

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const raw = (type: number, flags: number, stream: number, payload: Buffer | string = ""): Buffer => {
  const bytes = typeof payload === "string" ? Buffer.from(payload.replaceAll(" ", ""), "hex") : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, bytes]);
};

export const GREETING = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), raw(4, 0, 0)]);
/** POST / over http: four indices of the static table. */
export const POST = "83 86 84";
export const [DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;
export const [END, END_HEADERS, PADDED] = [1, 4, 8] as const;

/** A connection that has greeted, unless an option prevents it. */
export class RawClient {
  readonly frames: RawFrame[] = [];
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  ended = false;
  #changed: () => void = () => {};

  constructor(port: number, greeting: Buffer = GREETING) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.ended = true;
      this.#changed();
    });
    this.#socket.on("data", chunk => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      while (this.#bytes.length >= 9 && this.#bytes.length >= 9 + this.#bytes.readUIntBE(0, 3)) {
        const end = 9 + this.#bytes.readUIntBE(0, 3);
        const stream = this.#bytes.readUInt32BE(5);
        this.frames.push({
          type: this.#bytes[3]!,
          flags: this.#bytes[4]!,
          stream,
          payload: this.#bytes.subarray(9, end),
        });
        this.#bytes = this.#bytes.subarray(end);
      }
      this.#changed();
    });
    this.#socket.write(greeting);
  }

  readAgain(): void {
    this.#socket.resume();
  }

  send(...frames: readonly Buffer[]): this {
    this.#socket.write(Buffer.concat(frames));
    return this;
  }

  /** Takes nothing from the socket any more. */
  stopReading(): this {
    this.#socket.pause();
    return this;
  }

  /** The first matching frame, of past and future ones; undefined if the connection ends without it. */
  async next(fits: (frame: RawFrame) => boolean): Promise<RawFrame | undefined> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found || this.ended) return found;
      await new Promise<void>(resolve => {
        this.#changed = resolve;
      });
    }
  }

  /** The code that a stream is reset with, or the connection ends with. */
  async fault(stream: number): Promise<number> {
    const type = stream === 0 ? GOAWAY : RST;
    const frame = await this.next(one => one.type === type && (stream === 0 || one.stream === stream));
    return frame ? frame.payload.readUInt32BE(stream === 0 ? 4 : 0) : -1;
  }

  /** Still there: answers a ping. */
  async alive(): Promise<boolean> {
    const mark = Buffer.from(`ping${String(this.frames.length).padStart(4, "0")}`);
    this.send(raw(PING, 0, 0, mark));
    return (await this.next(({ type, payload }) => type === PING && payload.equals(mark))) !== undefined;
  }

  async closed(): Promise<void> {
    while (!this.ended)
      await new Promise<void>(resolve => {
        this.#changed = resolve;
      });
  }

  close(): void {
    this.#socket.destroy();
  }
}
