/**
 * Outputs of a request that are in shared memory.
 */
import type { WireRequest } from "../wire-call.js";

const NONE: ReadonlySet<string> = new Set();

/** Outputs that an answer brings no bytes of. */
export const placedOutputs = ({ outputs }: WireRequest): ReadonlySet<string> =>
  outputs.length === 0 ? NONE : new Set(outputs.flatMap(({ name, region }) => (region ? [name] : [])));
