// Arrays of `.npz` files: their sizes are counted before they are unpacked.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { readNpz } from "#formats/npz/npz.js";
import { builtUrl } from "../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-npz-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Member {
  readonly name: string;
  readonly data: Buffer;
  /** Size of the unpacked data in the directory. */
  readonly size: number;
  readonly method: number;
}
const stored = (name: string, data: Buffer): Member => ({ name, data, size: data.length, method: 0 });
const deflated = (name: string, data: Buffer, size = data.length): Member => ({
  name,
  data: deflateRawSync(data, { level: 9 }),
  size,
  method: 8,
});

function npy(shape: string, data: Buffer): Buffer {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), length, Buffer.from(header), data]);
}

/** @param count of entries, as the directory says @param zip64 whether a ZIP64 directory says it */
function zip(members: readonly Member[], count = members.length, zip64 = false): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, size, method } of members) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(data.length, 20);
    central.writeUInt32LE(size, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(at, 42);
    directory.push(central, Buffer.from(name));
    parts.push(local, Buffer.from(name), data);
    at += 30 + name.length + data.length;
  }
  const start = at;
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  if (zip64) {
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(BigInt(count), 32);
    end64.writeBigUInt64LE(BigInt(start), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(BigInt(start + size), 8);
    directory.push(end64, locator);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, 65_535), 8);
  end.writeUInt16LE(Math.min(count, 65_535), 10);
  end.writeUInt32LE(start, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

let written = 0;
function write(bytes: Buffer): string {
  const path = join(folder, `${written++}.npz`);
  writeFileSync(path, bytes);
  return path;
}
const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

describe("whole files", () => {
  test.each([false, true])("stored and deflated arrays; ZIP64: %s", zip64 => {
    const members = [
      stored("a.npy", npy("(2, 2)", floats(1, 2, 3, 4))),
      deflated("b.npy", npy("(3,)", floats(5, 6, 7))),
    ];
    const { a, b } = readNpz(write(zip(members, 2, zip64)), ["a", "b"]);
    expect(a).toEqual({ shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) });
    expect(b).toEqual({ shape: [3], values: Float32Array.of(5, 6, 7) });
  });
  test("zeros that stay small may compress as they will", () => {
    const { a } = readNpz(write(zip([deflated("a.npy", npy("(1000000,)", Buffer.alloc(4e6)))])), ["a"]);
    expect(a.values.length).toBe(1_000_000);
  });
});

describe("sizes that lie", () => {
  test("an array that unpacks to a thousand times the file", () => {
    const path = write(zip([deflated("a.npy", npy("(25000000,)", Buffer.alloc(1e8)))]));
    expect(() => readNpz(path, ["a"])).toThrow(
      /\d\.npz: `a` unpack to 100000\d{3} bytes, more than 16 times the file and 64 MiB \(6[89]\d{6}\)\. Save with `numpy\.savez`/,
    );
  });
  test("one that says less than it unpacks to, or more", () => {
    const data = npy("(25000000,)", Buffer.alloc(1e8));
    expect(() => readNpz(write(zip([deflated("a.npy", data, 1000)])), ["a"])).toThrow(
      /is no \.npz file: entry `a\.npy` cannot be unpacked to the 1000 bytes of its directory/,
    );
    expect(() => readNpz(write(zip([deflated("a.npy", npy("(1,)", floats(1)), 5000)])), ["a"])).toThrow(
      /entry `a\.npy` unpacks to \d+ bytes, and its directory says 5000/,
    );
  });
  test("an array twice, and one of a negative shape", () => {
    const one = stored("a.npy", npy("(1,)", floats(1)));
    expect(() => readNpz(write(zip([one, one])), ["a"])).toThrow(/has 2 arrays `a`/);
    const negative = stored("a.npy", npy("(-1, -1)", floats(1)));
    expect(() => readNpz(write(zip([negative])), ["a"])).toThrow(/array `a` has the shape \(-1, -1\)/);
  });
  test("four billion entries: the directory is compared with the file", () => {
    const path = write(zip([stored("a.npy", npy("(1,)", floats(1)))], 2 ** 32 - 1, true));
    const module = builtUrl("formats/npz/npz.js");
    const code = `import(${JSON.stringify(module)}).then(({ readNpz }) => readNpz(${JSON.stringify(path)}, ["a"])).catch(error => { process.stdout.write(error.message); });`;
    const { stdout, signal } = spawnSync(process.execPath, ["-e", code], { encoding: "utf8", timeout: 20_000 });
    expect({ stdout, signal }).toEqual({
      stdout: `${path} is no .npz file: its directory cannot hold 4294967295 entries`,
      signal: null,
    });
  }, 60_000);
  test("cut anywhere, it is refused by name", () => {
    const bytes = zip([stored("a.npy", npy("(2,)", floats(1, 2))), deflated("b.npy", npy("(1,)", floats(1)))]);
    for (let length = 0; length < bytes.length; length++) {
      const path = write(bytes.subarray(0, length));
      expect(() => readNpz(path, ["a", "b"]), `${length} bytes`).toThrow(path);
    }
  });
});
