/**
 * Bounds of one HTTP/1 connection: what a client may send before its request is whole, and how long it may take. A client that exceeds one
 * of them is disconnected.
 */
export interface Http1Limits {
  /** Bytes of a request line and its fields; as many again of a chunked body's trailers, and of the extensions of its chunks. */
  readonly maxHeadSize: number;
  readonly maxFields: number;
  /** Milliseconds from the begin of a request, or of the connection, until its head is whole. */
  readonly headTime: number;
  /** Milliseconds from the begin of a request until its body is whole. */
  readonly requestTime: number;
  /** Milliseconds that a connection may lie idle between two requests. */
  readonly idleTime: number;
  /** A slow client is noticed at most this much after its time. */
  readonly lookEvery: number;
  readonly maxConnections: number;
  /** Milliseconds that a client may leave an answer unread; 0 for any. */
  readonly stallTime: number;
}

export const DEFAULT_LIMITS: Omit<Http1Limits, "stallTime"> = {
  maxHeadSize: 2 ** 14,
  maxFields: 256,
  headTime: 60_000,
  requestTime: 300_000,
  idleTime: 75_000,
  lookEvery: 10_000,
  maxConnections: 8192,
};
