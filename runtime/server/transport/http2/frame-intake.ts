/**
 * Takes the frames of a client. Each has its rules (RFC 9113 §6), and is for one part of the connection.
 */
import type { AbuseLimits } from "./abuse-limits.js";
import { ConnectionFault, type ErrorName, StreamFault } from "./errors.js";
import type { TakeFrame } from "./frame-reader.js";
import { FLAG, FRAME, pingFrame, SETTINGS_ACK } from "./frames.js";
import type { Sender } from "./sender.js";
import { readSettings, settingsIn } from "./settings.js";
import type { Streams } from "./streams.js";

/** GOAWAY names the last stream and a code before its text. */
const GOAWAY_HEAD = 8;
export const PING_SIZE = 8;

export interface IntakeParts<Call> {
  readonly streams: Streams<Call>;
  readonly sender: Sender;
  readonly abuse: AbuseLimits;
  readonly maxSettings: number;
  /** The first frame has arrived, as required. */
  greeted(): void;
  pinged(): void;
  /** The client has answered a ping. */
  answered(): void;
  /** The client opens no more streams. */
  leaves(): void;
}

export class FrameIntake<Call> {
  readonly #parts: IntakeParts<Call>;
  readonly #streams: Streams<Call>;
  #hasSettings = false;

  constructor(parts: IntakeParts<Call>) {
    this.#parts = parts;
    this.#streams = parts.streams;
  }

  /** @throws ConnectionFault */
  readonly take: TakeFrame = (type, flags, id, bytes, start, end) => {
    if (this.#streams.blocks.isOpen && type !== FRAME.CONTINUATION)
      throw new ConnectionFault("PROTOCOL_ERROR", "a header block was not ended");
    if (!this.#hasSettings && (type !== FRAME.SETTINGS || flags & FLAG.ACK))
      throw new ConnectionFault("PROTOCOL_ERROR", "the first frame is not SETTINGS");
    try {
      this.#dispatch(type, flags, id, bytes, start, end);
    } catch (error) {
      if (!(error instanceof StreamFault)) throw error;
      this.#streams.refuse(error);
    }
  };

  #dispatch(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const { blocks, takeBlock } = this.#streams;
    const size = end - start;
    switch (type) {
      case FRAME.DATA:
        this.#streams.data(flags, id, bytes, start, end);
        break;
      case FRAME.HEADERS:
        if (id % 2 === 0) throw new ConnectionFault("PROTOCOL_ERROR", `HEADERS of stream ${id}`);
        blocks.headers(id, flags, bytes, start, end, takeBlock);
        break;
      case FRAME.CONTINUATION:
        blocks.continuation(id, flags, bytes, start, end, takeBlock);
        break;
      case FRAME.RST_STREAM:
        expectSize("RST_STREAM", size, 4);
        this.#streams.cancelled(id);
        break;
      case FRAME.SETTINGS:
        expectConnection("SETTINGS", id);
        this.#settings(flags, bytes, start, end);
        break;
      case FRAME.PING:
        expectConnection("PING", id);
        expectSize("PING", size, PING_SIZE);
        this.#pinged(flags, bytes.subarray(start, end));
        break;
      case FRAME.WINDOW_UPDATE:
        expectSize("WINDOW_UPDATE", size, 4);
        this.#windowUpdate(id, bytes.readUInt32BE(start) & 0x7fffffff);
        break;
      case FRAME.PRIORITY:
        if (id === 0) throw new ConnectionFault("PROTOCOL_ERROR", "PRIORITY of stream 0");
        this.#parts.abuse.idle();
        // Idle streams included, for which a reset is not allowed.
        if (size !== 5 && id > this.#streams.last) expectSize("PRIORITY", size, 5);
        if (size !== 5) throw new StreamFault(id, "FRAME_SIZE_ERROR", "PRIORITY of another length than 5");
        break;
      case FRAME.PUSH_PROMISE:
        throw new ConnectionFault("PROTOCOL_ERROR", "a client promises nothing");
      case FRAME.GOAWAY:
        expectConnection("GOAWAY", id);
        if (size < GOAWAY_HEAD) throw new ConnectionFault("FRAME_SIZE_ERROR", "GOAWAY is too short");
        this.#parts.abuse.idle();
        this.#parts.leaves();
        break;
      default:
        this.#parts.abuse.idle();
    }
  }

  #settings(flags: number, bytes: Buffer, start: number, end: number): void {
    this.#parts.abuse.idle();
    if (flags & FLAG.ACK) {
      expectSize("an acknowledgement of SETTINGS", end - start, 0);
      return;
    }
    const { maxSettings } = this.#parts;
    if (settingsIn(start, end) > maxSettings)
      throw new ConnectionFault("ENHANCE_YOUR_CALM", `more than ${maxSettings} settings in a frame`);
    this.#hasSettings = true;
    this.#parts.greeted();
    const before = this.#parts.sender.settings.initialWindow;
    readSettings(this.#parts.sender.settings, bytes, start, end);
    this.#parts.abuse.reply(SETTINGS_ACK);
    this.#parts.sender.applySettings(before, this.#streams.all());
  }

  #pinged(flags: number, payload: Buffer): void {
    this.#parts.abuse.idle();
    if (flags & FLAG.ACK) {
      this.#parts.answered();
      return;
    }
    this.#parts.abuse.reply(pingFrame(payload, true));
    this.#parts.pinged();
  }

  #windowUpdate(id: number, increment: number): void {
    if (id !== 0) this.#streams.expectOpened("WINDOW_UPDATE", id);
    this.#parts.abuse.idle();
    const stream = this.#streams.get(id);
    // The stream is closed: the frame was in flight.
    if (id !== 0 && !stream) return;
    const fault = (code: ErrorName, text: string): Error =>
      stream ? new StreamFault(id, code, text) : new ConnectionFault(code, text);
    if (increment === 0) throw fault("PROTOCOL_ERROR", "WINDOW_UPDATE by nothing");
    if (!this.#parts.sender.grant(increment, stream)) throw fault("FLOW_CONTROL_ERROR", "a window over 2^31 - 1 bytes");
  }
}

function expectConnection(what: string, id: number): void {
  if (id !== 0) throw new ConnectionFault("PROTOCOL_ERROR", `${what} of stream ${id}`);
}

function expectSize(what: string, size: number, expected: number): void {
  if (size !== expected)
    throw new ConnectionFault("FRAME_SIZE_ERROR", `${what} of ${size} bytes instead of ${expected}`);
}
