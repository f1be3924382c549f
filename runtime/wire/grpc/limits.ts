/**
 * Bounds of gRPC messages, and the memory cost of a message's parts. `http2/limits.ts` has those of connections,
 * `memory/request-allowance.ts` the allowance.
 */

/** Triton takes messages up to the largest length that protobuf can hold. */
export const MAX_MESSAGE = 2 ** 31 - 1;
/** Messages and groups inside one another, as protobuf's parsers count them. */
export const MAX_NESTING = 100;
/** Bytes of a name: of a model, its version, a tensor, a datatype, a parameter, and of an id. Texts of parameters may be longer. */
export const MAX_NAME = 2 ** 16;
/** Bytes of a percent-encoded `grpc-message`: clients take 8 KiB of trailers or more. */
export const MAX_STATUS_TEXT = 4096;

/** Memory of the objects that a part of a message becomes, without its text and its bytes. */
export const COST = {
  tensor: 256,
  output: 128,
  parameter: 192,
  raw: 128,
  dimension: 8,
  part: 96,
  message: 128,
  entry: 192,
  item: 16,
} as const;

/** Bytes that a client may announce and have room for at once, once it has sent a full frame. */
export const FIRST_ROOM = 2 ** 21;
/** Buffer size for an incomplete message, as a multiple of the received bytes. */
export const ROOM_AHEAD = 16;

/** Memory of an open stream without its message. */
export const STREAM_BYTES = 2 ** 12;

/** Contents of at least this many bytes are decoded in slices of this size, between which other requests run. */
export const SLICE = 2 ** 18;
