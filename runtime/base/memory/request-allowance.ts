/**
 * The cost model of a request: its size on the wire bounds its memory, so that a few bytes cannot make the server allocate many.
 */

/** Bytes that a request may take beside a multiple of its size on the wire. */
export const FREE_BYTES = 2 ** 20;
/** Fields of one message, outside of the elements of tensors: inputs, their names and shapes, parameters. */
export const MAX_FIELDS = 2 ** 16;
/** Default of `--request-memory-ratio`. */
export const DEFAULT_RATIO = 16;

/**
 * @param wire size of a request's body as it was sent
 * @returns bytes that it may take when it is unpacked and decoded
 */
export const requestAllowance = (wire: number, ratio: number): number => FREE_BYTES + wire * ratio;
