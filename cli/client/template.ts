/** A model's metadata → a request to fill in. */
import type { ModelMetadata } from "../../runtime/client/index.js";

const SAMPLE: Readonly<Record<string, unknown>> = { BOOL: false, BYTES: "" };

/** Sizes that may be any are 1. */
export function template({ inputs }: ModelMetadata): Record<string, unknown> {
  const nest = (dims: readonly number[], item: unknown): unknown => {
    const [size = 1, ...rest] = dims;
    if (dims.length === 0) return item;
    return Array.from({ length: size < 0 ? 1 : size }, () => nest(rest, item));
  };
  return Object.fromEntries(
    inputs.map(({ name, datatype, shape }) => [name, nest(shape.map(Number), SAMPLE[datatype] ?? 0)]),
  );
}
