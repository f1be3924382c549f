/**
 * numpy's `.npz` (a zip of `.npy` arrays) → the named arrays. Objects, which are pickles, are never read.
 */
import { readFileSync } from "node:fs";
import { unpackEntry, type ZipEntry, zipEntries } from "./zip.js";

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

/** Memory limit of the arrays: this multiple of the file, and a fixed part. Trained vectors hardly compress; zeros do, a thousandfold. */
const TIMES = 16;
const FIXED = 64 * 2 ** 20;

/**
 * @param names of the arrays to read
 * @throws Error naming file, array, and the file's arrays
 */
export function readNpz<const N extends string>(path: string, names: readonly N[]): Record<N, NpyArray> {
  const bytes = readFileSync(path);
  const entries = explained(path, () => zipEntries(bytes));
  const chosen = names.map(name => {
    const [entry, ...more] = entries.filter(entry => entry.name === `${name}.npy`);
    if (!entry) throw new Error(`${path} has no array \`${name}\`; it has ${arrayNames(entries)}`);
    if (more.length > 0) throw new Error(`${path} has ${more.length + 1} arrays \`${name}\``);
    return [name, entry] as const;
  });
  const size = chosen.reduce((sum, [, entry]) => sum + entry.size, 0);
  const limit = FIXED + TIMES * bytes.length;
  if (size > limit)
    throw new Error(
      `${path}: ${names.map(name => `\`${name}\``).join(" and ")} unpack to ${size} bytes, more than ${TIMES} times the file and ${FIXED / 2 ** 20} MiB (${limit}). Save with \`numpy.savez\`, which does not compress.`,
    );
  return Object.fromEntries(
    chosen.map(([name, entry]) => [
      name,
      readNpy(
        explained(path, () => unpackEntry(bytes, entry)),
        `${path}: array \`${name}\``,
      ),
    ]),
  ) as Record<N, NpyArray>;
}

const MOST_NAMES = 20;
const arrayNames = (entries: readonly ZipEntry[]): string =>
  entries
    .slice(0, MOST_NAMES)
    .map(({ name }) => name.replace(/\.npy$/, "").slice(0, 100))
    .join(", ") + (entries.length > MOST_NAMES ? " …" : "") || "none";

function explained<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${path} is no .npz file: ${(error as Error).message}`);
  }
}

/** Format versions 1 to 3: magic, version, length of the header, header, data. */
function readNpy(bytes: Uint8Array, what: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from: number, to: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", from, to);
  if (bytes.length < 12 || text(1, 6) !== "NUMPY") throw new Error(`${what} is no .npy array`);
  const wide = bytes[6]! > 1;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = text(start, start + length);
  const descr = /'descr': '([^']+)'/.exec(header)?.[1] ?? "objects";
  const shape = (/'shape': \(([^()]*)\)/.exec(header)?.[1] ?? "")
    .split(",")
    .map(text => text.trim())
    .filter(Boolean)
    .map(Number);
  if (shape.some(size => !Number.isSafeInteger(size) || size < 0))
    throw new Error(`${what} has the shape (${shape.join(", ")})`);
  const View = Object.hasOwn(VIEWS, descr) ? VIEWS[descr as keyof typeof VIEWS] : undefined;
  if (!View) throw new Error(`${what} holds ${descr}; ${Object.keys(VIEWS).join(", ")} can be read`);
  if (header.includes("'fortran_order': True") && shape.length > 1)
    throw new Error(`${what} is stored column by column; save it as numpy.ascontiguousarray(...)`);
  // A copy: a view of numbers begins at a multiple of their size. Buffer's own `slice` would share the memory.
  const data = Uint8Array.prototype.slice.call(bytes, start + length);
  const count = shape.reduce((a, b) => a * b, 1);
  if (data.length !== count * View.BYTES_PER_ELEMENT)
    throw new Error(`${what} has ${data.length} bytes for the shape (${shape.join(", ")}) of ${descr}`);
  return { shape, values: new View(data.buffer) };
}
