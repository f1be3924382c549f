// Zip files in APPNOTE.TXT's layout: sizes of 64 bits in an extra field, if their 32 bits are all ones, among other fields. Also comments,
// and headers of other lengths.
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unpackEntry, zipEntries } from "#formats/npz/zip.js";

interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  readonly isDeflated: boolean;
  /** Fields of 64 bits. */
  readonly wide: readonly ("size" | "packed" | "offset")[];
  /** Extra fields of other programs, before and after. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly localExtra: Uint8Array;
  readonly comment: Uint8Array;
}

const uint16 = (n: number) => Buffer.of(n & 255, n >> 8);
const uint32 = (n: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
};
const uint64 = (n: number) => Buffer.concat([uint32(n >>> 0), uint32(Math.floor(n / 2 ** 32))]);
const extra = (id: number, data: Uint8Array) =>
  data.length === 0 ? Buffer.alloc(0) : Buffer.concat([uint16(id), uint16(data.length), data]);
const ONES = 0xffffffff;

function zip(
  members: readonly Member[],
  { isWide, comment }: { readonly isWide: boolean; readonly comment: number },
): Buffer {
  const [locals, directory]: Buffer[][] = [[], []];
  let at = 0;
  for (const { name, data, isDeflated, wide, before, after, localExtra, comment: own } of members) {
    const packed = isDeflated ? deflateRawSync(data) : Buffer.from(data);
    const numbers = { size: data.length, packed: packed.length, offset: at };
    const inField = (["size", "packed", "offset"] as const).filter(key => wide.includes(key));
    const shown = (key: keyof typeof numbers) => uint32(wide.includes(key) ? ONES : numbers[key]);
    const fields = Buffer.concat([
      extra(0x5455, before),
      extra(1, Buffer.concat(inField.map(key => uint64(numbers[key])))),
      extra(0x7875, after),
    ]);
    const method = uint16(isDeflated ? 8 : 0);
    const own16 = Buffer.from(name);
    const local = [
      uint32(0x04034b50),
      Buffer.alloc(4),
      method,
      Buffer.alloc(16),
      uint16(own16.length),
      uint16(localExtra.length),
      own16,
      localExtra,
      packed,
    ];
    locals!.push(Buffer.concat(local));
    at += locals!.at(-1)!.length;
    const [size, inFile] = [shown("size"), shown("packed")];
    directory!.push(
      Buffer.concat([
        uint32(0x02014b50),
        Buffer.alloc(6),
        method,
        Buffer.alloc(8),
        inFile,
        size,
        uint16(own16.length),
        uint16(fields.length),
        uint16(own.length),
      ]),
      Buffer.alloc(8),
      shown("offset"),
      own16,
      fields,
      Buffer.from(own),
    );
  }
  const length = directory!.reduce((sum, part) => sum + part.length, 0);
  const end64 = [uint32(0x06064b50), Buffer.alloc(28), uint64(members.length), uint64(length), uint64(at)];
  const locator = [uint32(0x07064b50), uint32(0), uint64(at + length), uint32(1)];
  const [count, start] = isWide ? [0xffff, ONES] : [members.length, at];
  const end = [
    uint32(0x06054b50),
    Buffer.alloc(4),
    uint16(count),
    uint16(count),
    uint32(length),
    uint32(start),
    uint16(comment),
  ];
  return Buffer.concat([
    ...locals!,
    ...directory!,
    ...(isWide ? [...end64, ...locator] : []),
    ...end,
    Buffer.alloc(comment, "x"),
  ]);
}

const some = fc.uint8Array({ maxLength: 9 });
const member: fc.Arbitrary<Member> = fc.record({
  name: fc.string({ unit: "grapheme", maxLength: 8 }),
  data: fc.uint8Array({ maxLength: 60 }),
  isDeflated: fc.boolean(),
  wide: fc.subarray(["size", "packed", "offset"]),
  before: some,
  after: some,
  localExtra: some,
  comment: some,
});
const plain: Member = {
  ...{ name: "a", data: Uint8Array.of(1, 2, 3), isDeflated: false, wide: [] },
  ...{ before: new Uint8Array(0), after: new Uint8Array(0), localExtra: new Uint8Array(0), comment: new Uint8Array(0) },
};

test("every entry has its name, sizes and bytes", () => {
  const ends = fc.record({ isWide: fc.boolean(), comment: fc.constantFrom(0, 1, 300) });
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), ends, fc.nat({ max: 3 }), (members, end, shift) => {
      // In the middle of a buffer, as a file's bytes may be.
      const bytes = zip(members, end);
      const inside = new Uint8Array(Buffer.concat([Buffer.alloc(shift), bytes])).subarray(shift);
      const entries = zipEntries(inside);
      expect(entries.map(({ name, method, size }) => [name, method, size])).toEqual(
        members.map(({ name, isDeflated, data }) => [name, isDeflated ? 8 : 0, data.length]),
      );
      expect(entries.map(entry => [...unpackEntry(inside, entry)])).toEqual(members.map(({ data }) => [...data]));
    }),
    { numRuns: 300 },
  );
});

describe("entries that lie", () => {
  const broken = (change: (bytes: Buffer, directoryAt: number) => void, of: Partial<Member> = {}, isWide = false) => {
    const bytes = zip([{ ...plain, ...of }], { isWide, comment: 0 });
    change(bytes, bytes.indexOf(uint32(0x02014b50)));
    return () => zipEntries(bytes).map(entry => unpackEntry(bytes, entry));
  };
  test("none does", () => {
    expect(broken(() => {})()).toEqual([Buffer.of(1, 2, 3)]);
  });
  test.each<[string, () => unknown, string]>([
    ["another method", broken((bytes, at) => bytes.writeUInt16LE(12, at + 10)), "entry `a` is compressed by method 12"],
    ["more bytes than the file", broken((bytes, at) => bytes.writeUInt32LE(1000, at + 20)), "entry `a` is cut short"],
    ["an offset beyond the file", broken((bytes, at) => bytes.writeUInt32LE(1000, at + 42)), "entry `a` has no header"],
    ["an offset of something else", broken((bytes, at) => bytes.writeUInt32LE(1, at + 42)), "entry `a` has no header"],
    [
      "a stored size of another length",
      broken((bytes, at) => bytes.writeUInt32LE(2, at + 24)),
      "entry `a` unpacks to 3 bytes, and its directory says 2",
    ],
    [
      "a name beyond the directory",
      broken((bytes, at) => bytes.writeUInt16LE(60, at + 28)),
      "entry 0 of its directory is cut short",
    ],
    [
      "a comment beyond it",
      broken((bytes, at) => bytes.writeUInt16LE(60, at + 32)),
      "entry 0 of its directory is cut short",
    ],
    [
      "no entry",
      broken((bytes, at) => bytes.writeUInt32LE(0, at)),
      "its directory says 1 entries, and entry 0 is missing",
    ],
    [
      "a ZIP64 directory that is missing",
      broken(bytes => bytes.writeUInt32LE(0, bytes.indexOf(uint32(0x06064b50))), {}, true),
      "its ZIP64 directory is missing",
    ],
    [
      "a ZIP64 directory beyond the file",
      broken(bytes => bytes.writeUInt32LE(ONES, bytes.indexOf(uint32(0x07064b50)) + 12), {}, true),
      "its ZIP64 directory is missing",
    ],
    [
      "a directory behind its end",
      broken(bytes => bytes.writeUInt32LE(10_000, bytes.length - 6)),
      "its directory cannot hold 1 entries",
    ],
    [
      "deflated bytes that are none",
      broken(bytes => bytes.fill(0xff, 31, 34), { isDeflated: true }),
      "entry `a` cannot be unpacked to the 3 bytes",
    ],
  ])("%s", (_, read, message) => {
    expect(read).toThrow(message);
  });
});
