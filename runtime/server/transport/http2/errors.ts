/**
 * Errors of an HTTP/2 connection: the codes of RFC 9113 §7, and two kinds of faults, for a stream and for the connection.
 */

export const ERROR = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;
export type ErrorName = keyof typeof ERROR;

/** The peer broke a rule that the whole connection rests on. */
export class ConnectionFault extends Error {
  override readonly name = "ConnectionFault";
  constructor(
    readonly code: ErrorName,
    message: string,
  ) {
    super(message);
  }
}

/** A stream can't go on, which leaves the others alone. */
export class StreamFault extends Error {
  override readonly name = "StreamFault";
  constructor(
    readonly stream: number,
    readonly code: ErrorName,
    message: string,
  ) {
    super(message);
  }
}
