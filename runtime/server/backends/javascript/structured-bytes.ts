/**
 * Values of the structured clone algorithm, as bytes. `node:v8` is 2 ms of a thread's start, and few requests have anything to pack so: it
 * is loaded for the first of them.
 */
const v8 = (): typeof import("node:v8") => process.getBuiltinModule("node:v8");

export const serialize = (value: unknown): Buffer => v8().serialize(value);
export const deserialize = (bytes: Uint8Array): unknown => v8().deserialize(bytes);
