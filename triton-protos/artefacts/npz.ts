/**
 * numpy's `.npz` (a zip of `.npy` arrays) → the arrays that are asked for by name. Objects, which are pickles, are never read.
 */
import { readFileSync } from "node:fs";
import { strFromU8, unzipSync } from "fflate";

/** One array, in C order. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array | Int32Array | BigInt64Array;
}

/** numpy's name of a little-endian type → how its bytes are viewed. */
const VIEWS = {
  "<f4": Float32Array,
  "<f8": Float64Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
} as const;

/**
 * @param names arrays wanted
 * @throws Error naming file, array, and what the file has
 */
export function readNpz<const N extends string>(path: string, names: readonly N[]): Record<N, NpyArray> {
  const bytes = readFileSync(path);
  const there: string[] = [];
  let members: Record<string, Uint8Array>;
  try {
    members = unzipSync(bytes, {
      filter: ({ name }) => {
        there.push(name.replace(/\.npy$/, ""));
        return (names as readonly string[]).includes(name.replace(/\.npy$/, ""));
      },
    });
  } catch (error) {
    throw new Error(`${path} is no .npz file: ${(error as Error).message}`);
  }
  return Object.fromEntries(
    names.map(name => {
      const member = members[`${name}.npy`];
      if (!member) throw new Error(`${path} has no array \`${name}\`; it has ${there.join(", ") || "none"}`);
      return [name, readNpy(member, `${path}: array \`${name}\``)];
    }),
  ) as Record<N, NpyArray>;
}

/** Format versions 1 to 3: magic, version, length of the header, header, data. */
function readNpy(bytes: Uint8Array, what: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || strFromU8(bytes.subarray(1, 6), true) !== "NUMPY")
    throw new Error(`${what} is no .npy array`);
  const wide = bytes[6]! > 1;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = strFromU8(bytes.subarray(start, start + length), true);
  const descr = /'descr': '([^']+)'/.exec(header)?.[1] ?? "objects";
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "")
    .split(",")
    .map(text => text.trim())
    .filter(Boolean)
    .map(Number);
  const View = VIEWS[descr as keyof typeof VIEWS];
  if (!View) throw new Error(`${what} holds ${descr}; ${Object.keys(VIEWS).join(", ")} can be read`);
  if (header.includes("'fortran_order': True") && shape.length > 1)
    throw new Error(`${what} is stored column by column; save it as numpy.ascontiguousarray(...)`);
  const data = bytes.slice(start + length);
  const count = shape.reduce((a, b) => a * b, 1);
  if (data.length !== count * View.BYTES_PER_ELEMENT)
    throw new Error(`${what} has ${data.length} bytes for the shape (${shape.join(", ")}) of ${descr}`);
  return { shape, values: new View(data.buffer) };
}
