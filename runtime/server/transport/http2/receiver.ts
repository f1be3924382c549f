/**
 * Flow control of received data: the connection's window and those of its streams (RFC 9113 §5.2), returned in large steps as bytes are
 * used.
 */
import { ConnectionFault } from "./errors.js";
import { windowFrame } from "./frames.js";
import type { Output } from "./output.js";
import { FIRST_WINDOW } from "./settings.js";

/** The body of a request, as far as windows go. */
export interface Incoming {
  readonly id: number;
  /** Remaining bytes of the window. */
  allowed: number;
  /** Bytes that were used and not given back yet. */
  used: number;
}

export interface Windows {
  readonly connection: number;
  readonly stream: number;
}

export class Receiver {
  readonly #output: Output;
  readonly #windows: Windows;
  #allowed: number;
  #used = 0;

  constructor(output: Output, windows: Windows) {
    this.#output = output;
    this.#windows = windows;
    this.#allowed = windows.connection;
  }

  /** Follows our SETTINGS. */
  openWindow(): void {
    const more = this.#windows.connection - FIRST_WINDOW;
    if (more > 0) this.#output.push(windowFrame(0, more));
  }

  /** Counts received bytes of any stream. @throws ConnectionFault if they exceed the window */
  take(bytes: number): void {
    this.#allowed -= bytes;
    if (this.#allowed < 0)
      throw new ConnectionFault("FLOW_CONTROL_ERROR", "more bytes than the connection's window allows");
  }

  /** Bytes were used; those of a stream that may still send count for its window too. */
  give(bytes: number, stream?: Incoming): void {
    this.#used += bytes;
    if (this.#used * 2 >= this.#windows.connection) {
      this.#output.push(windowFrame(0, this.#used));
      this.#allowed += this.#used;
      this.#used = 0;
    }
    if (!stream) return;
    stream.used += bytes;
    if (stream.used * 2 >= this.#windows.stream) {
      this.#output.push(windowFrame(stream.id, stream.used));
      stream.allowed += stream.used;
      stream.used = 0;
    }
  }
}
