/**
 * An answer that does not arrive: the connection ends before it, or in its middle, as when a server dies or a proxy gives up.
 */
import { RuntimeFault } from "./errors.js";

export class ConnectionCut extends RuntimeFault {
  /** @param sent the bytes that still leave, of an answer of `total` bytes */
  constructor(
    readonly sent?: Buffer,
    readonly total = 0,
  ) {
    super("UNAVAILABLE", "the connection was cut");
  }
}

/** @param part how much of the answer leaves, from 0 to 1 @throws ConnectionCut where a part is given */
export function cutHere(part: number | undefined, pieces: readonly Buffer[]): void {
  if (part === undefined) return;
  const whole = Buffer.concat(pieces);
  throw new ConnectionCut(whole.subarray(0, Math.floor(part * whole.length)), whole.length);
}
