/**
 * Bounds of one connection: what a client may hold open, make a server keep, and do without use. A client that exceeds one of them loses
 * the stream or the connection, and never affects the server.
 */
import { STALL_TIME } from "../stalled-sockets.js";

export interface Http2Limits {
  /** Streams that are open at a time. */
  readonly maxStreams: number;
  /** Bytes of a body that a client may send ahead, on a connection and on each of its streams. */
  readonly connectionWindow: number;
  readonly streamWindow: number;
  /** Bytes of header fields, as SETTINGS_MAX_HEADER_LIST_SIZE counts them, and their number. */
  readonly maxHeaderListSize: number;
  readonly maxHeaderFields: number;
  /** Bytes of answers that wait for a slow client; new streams are refused beyond it. */
  readonly maxWaiting: number;
  /** The same from which requests wait: their bodies are not read on, so that a client's windows run out. */
  readonly holdWaiting: number;
  /** Milliseconds that a client may leave what waits for it unread, on a stream or as a whole; 0 for any. */
  readonly stallTime: number;
  /** Milliseconds until a handshake of TLS must be over, and then until a client must have greeted with its preface and SETTINGS. */
  readonly greetingTime: number;
  /** Streams that are reset, by the client or through its fault: a burst, and a rate per second. */
  readonly resets: readonly [burst: number, perSecond: number];
  /** Frames that further nothing: pings, settings, empty and tiny ones, unknown ones. Each stream that ends well forgives some. */
  readonly idleFrames: readonly [burst: number, perSecond: number];
  /**
   * Bytes of header blocks and of the fields that they expand to: a burst, and a rate per second. Each stream that ends well forgives some.
   */
  readonly headerWork: readonly [burst: number, perSecond: number];
  /** Entries of one SETTINGS frame. */
  readonly maxSettings: number;
}

export const DEFAULT_LIMITS: Http2Limits = {
  maxStreams: 1024,
  connectionWindow: 2 ** 25,
  streamWindow: 2 ** 22,
  maxHeaderListSize: 2 ** 14,
  maxHeaderFields: 128,
  maxWaiting: 2 ** 28,
  holdWaiting: 2 ** 24,
  stallTime: STALL_TIME,
  greetingTime: 10_000,
  resets: [1000, 100],
  idleFrames: [10_000, 1000],
  headerWork: [2 ** 22, 2 ** 20],
  maxSettings: 32,
};
