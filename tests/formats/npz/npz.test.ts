// Arrays of numpy's three format versions, and the message for one that cannot be read.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { readNpz } from "#formats/npz/npz.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-npy-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Described {
  readonly descr?: string;
  readonly fortran?: boolean;
  readonly shape: string;
  readonly version?: 1 | 2 | 3;
  /** Bytes before the header ends, so that data begins at any place. */
  readonly padding?: number;
}
function npy(data: Uint8Array, { descr = "'<f4'", fortran = false, shape, version = 1, padding = 0 }: Described) {
  const text = `{'descr': ${descr}, 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${shape}, }`;
  const header = Buffer.from(`${text}${" ".repeat(padding)}\n`);
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.of(version, 0), length, header, data]);
}

/** A zip of stored entries. */
function zip(entries: readonly (readonly [name: string, data: Uint8Array])[]): Buffer {
  const [locals, directory]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [name, data] of entries) {
    const [local, central] = [Buffer.alloc(30), Buffer.alloc(46)];
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt32LE(data.length, 20);
    central.writeUInt32LE(data.length, 24);
    central.writeUInt16LE(Buffer.byteLength(name), 28);
    central.writeUInt32LE(at, 42);
    directory.push(central, Buffer.from(name));
    locals.push(local, Buffer.from(name), Buffer.from(data));
    at += 30 + Buffer.byteLength(name) + data.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, ...directory, end]);
}

let written = 0;
function write(entries: readonly (readonly [name: string, data: Uint8Array])[]): string {
  const path = join(folder, `${written++}.npz`);
  writeFileSync(path, zip(entries));
  return path;
}
const bytesOf = ({ buffer }: { readonly buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(buffer);
const one = npy(bytesOf(Float32Array.of(1)), { shape: "(1,)" });

describe("arrays", () => {
  const kinds = fc.constantFrom<readonly [string, Float32Array | Float64Array | Int32Array | BigInt64Array]>(
    ["'<f4'", Float32Array.of(1.5, -2, Number.NaN, 0, 5, 6)],
    ["'<f8'", Float64Array.of(1.1, -2, 1e300, 0, 5, 6)],
    ["'<i4'", Int32Array.of(1, -2, 2 ** 31 - 1, 0, 5, 6)],
    ["'<i8'", BigInt64Array.of(1n, -2n, 2n ** 63n - 1n, 0n, 5n, 6n)],
  );
  const shapes = fc.constantFrom<readonly [string, readonly number[]]>(
    ["(6,)", [6]],
    ["(2, 3)", [2, 3]],
    ["(3,2)", [3, 2]],
    ["(1, 6, 1)", [1, 6, 1]],
  );
  test("of each type, shape and format version, wherever their data begins", () => {
    const versions = fc.constantFrom<1 | 2 | 3>(1, 2, 3);
    fc.assert(
      fc.property(kinds, shapes, versions, fc.nat({ max: 300 }), ([descr, values], [text, shape], version, padding) => {
        const array = npy(bytesOf(values), { descr, shape: text, version, padding });
        expect(readNpz(write([["a.npy", array]]), ["a"]).a).toEqual({ shape, values });
      }),
      { numRuns: 60 },
    );
  });
  test("of any number are read, by their whole names", () => {
    const path = write([
      ["a.npy", one],
      ["a.npy.npy", npy(bytesOf(Float32Array.of(2)), { shape: "(1,)" })],
      ["b", Buffer.from("no array")],
    ]);
    expect(readNpz(path, ["a.npy", "a"])).toEqual({
      "a.npy": { shape: [1], values: Float32Array.of(2) },
      a: { shape: [1], values: Float32Array.of(1) },
    });
  });
});

describe("an unreadable array", () => {
  const message = (entries: readonly (readonly [string, Uint8Array])[], names = ["a"]): string => {
    const path = write(entries);
    try {
      readNpz(path, names);
    } catch (error) {
      return (error as Error).message.replaceAll(path, "FILE");
    }
    return "was read";
  };
  const array = (data: Uint8Array, described: Described) => message([["a.npy", npy(data, described)]]);
  const floats = bytesOf(Float32Array.of(1, 2, 3, 4));

  test("an array that is not there, with those that are", () => {
    expect(message([])).toBe("FILE has no array `a`; it has none");
    expect(message([["b.npy", one]])).toBe("FILE has no array `a`; it has b");
    const many = (count: number) =>
      Array.from({ length: count }, (_, i): readonly [string, Uint8Array] => [`${i}.npy.x.npy`, one]);
    const first = Array.from({ length: 20 }, (_, i) => `${i}.npy.x`).join(", ");
    expect(message(many(20))).toBe(`FILE has no array \`a\`; it has ${first}`);
    expect(message(many(21))).toBe(`FILE has no array \`a\`; it has ${first} …`);
    expect(message([[`${"n".repeat(150)}.npy`, one]])).toBe(`FILE has no array \`a\`; it has ${"n".repeat(100)}`);
  });
  test("an array that is there three times", () => {
    expect(message(Array.from({ length: 3 }, () => ["a.npy", one] as const))).toBe("FILE has 3 arrays `a`");
  });
  test("an entry that is not an array", () => {
    expect(message([["a.npy", Buffer.from("\x93NUMPX\x01\0\x02\0{}", "latin1")]])).toBe(
      "FILE: array `a` is no .npy array",
    );
    expect(message([["a.npy", one.subarray(0, 11)]])).toBe("FILE: array `a` is no .npy array");
    expect(message([["a.npy", Buffer.alloc(0)]])).toBe("FILE: array `a` is no .npy array");
  });
  test("a type that is not served: objects, other byte orders, records", () => {
    const readable = "<f4, <f8, <i4, <i8 can be read";
    expect(array(floats, { descr: "'|O'", shape: "(4,)" })).toBe(`FILE: array \`a\` holds |O; ${readable}`);
    expect(array(floats, { descr: "'>f4'", shape: "(4,)" })).toBe(`FILE: array \`a\` holds >f4; ${readable}`);
    expect(array(floats, { descr: "[('x', '<f4')]", shape: "(4,)" })).toBe(
      `FILE: array \`a\` holds objects; ${readable}`,
    );
    expect(array(floats, { descr: "'constructor'", shape: "(4,)" })).toBe(
      `FILE: array \`a\` holds constructor; ${readable}`,
    );
  });
  test("a shape that is none, and one that its data does not have", () => {
    expect(array(floats, { shape: "(4.5,)" })).toBe("FILE: array `a` has the shape (4.5)");
    expect(array(floats, { shape: "(2, x)" })).toBe("FILE: array `a` has the shape (2, NaN)");
    expect(array(floats, { shape: "(1, -4)" })).toBe("FILE: array `a` has the shape (1, -4)");
    for (const shape of ["(3,)", "(5,)", "(2, 3)", "(0,)", "()"])
      expect(array(floats, { shape })).toBe(
        `FILE: array \`a\` has 16 bytes for the shape ${shape.replace(",)", ")")} of <f4`,
      );
  });
});
