// Each rule of the check of Arrow files, by one number of a whole file that is changed: the message says which number, and where.
import { Field, Float64, Int32, Int64, List, Null, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { checkArrow } from "#formats/arrow/arrow-check.js";
import { messageOf } from "#formats/arrow/arrow-file.js";
import { type FlatTable, flatRoot } from "#formats/arrow/flatbuffer.js";
import { bytesSource } from "#formats/bytes/byte-source.js";

/** Nine rows with nulls: bits in two bytes. Columns: a number, texts, lists of numbers. */
const rows = 9;
const whole = (): Table =>
  new Table({
    n: vectorFromArray([1n, null, 3n, 4n, 5n, 6n, 7n, 8n, 9n], new Int64()),
    s: vectorFromArray(["x", null, "yy", "", "z", "z", "z", "z", "z"], new Utf8()),
    l: vectorFromArray([[1, 2], null, [3], [], [], [], [], [], [4]], new List(new Field("item", new Float64(), true))),
  });
const words = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Parts {
  readonly bytes: Uint8Array;
  /** Offset of the batch's body in the file, its length, and the places in the file of nodes, buffers and the row count. */
  readonly body: number;
  readonly length: number;
  readonly nodes: number;
  readonly buffers: number;
  readonly batch: FlatTable;
  readonly set: (at: number, value: bigint) => void;
  readonly get: (at: number) => number;
  /** Sets the length of a vector of the batch. */
  readonly count: (vectorAt: number, value: number) => void;
}

/** The batch of a stream: the message after the schema's. */
function parts(table = whole()): Parts {
  const bytes = Uint8Array.from(tableToIPC(table, "stream"));
  const source = bytesSource(bytes);
  const first = 8 + words(bytes).getInt32(4, true);
  const metadata = 8 + words(bytes).getInt32(first + 4, true);
  const { root } = messageOf(source, first, metadata);
  const batch = root.table(2)!;
  // Places of structs are those of the message, whose bytes begin after its prefix.
  const start = first + 8;
  return {
    ...{ bytes, batch, body: first + metadata, length: root.int64(3) },
    nodes: start + batch.structs(1, 16).at,
    buffers: start + batch.structs(2, 16).at,
    set: (at, value) => words(bytes).setBigInt64(at, value, true),
    get: at => Number(words(bytes).getBigInt64(at, true)),
    count: (at, value) => words(bytes).setUint32(at - 4, value, true),
  };
}
const refused = (change: (of: Parts) => void, table?: Table): string => {
  const of = parts(table);
  checkArrow(bytesSource(of.bytes));
  change(of);
  try {
    checkArrow(bytesSource(of.bytes));
  } catch (error) {
    return (error as Error).message.replaceAll(`byte ${of.body}`, "byte BODY");
  }
  return "passed";
};
/** Buffers in their order. The last two belong to the items of the lists. */
const [N_VALID, N_VALUES, S_VALID, S_OFFSETS, S_BYTES, L_VALID, L_OFFSETS, ITEM_VALID, ITEM_VALUES] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
];
const length = (of: Parts, buffer: number): number => of.buffers + 16 * buffer + 8;
const offset = (of: Parts, buffer: number): number => of.buffers + 16 * buffer;

describe("a batch", () => {
  test("has the columns and buffers that the schema needs", () => {
    const of = parts();
    expect([of.batch.int64(0), of.batch.structs(1, 16).count, of.batch.structs(2, 16).count]).toEqual([rows, 4, 9]);
    expect(refused(of => of.count(of.nodes, 3))).toMatch(/the batch at byte BODY has 3 columns, and needs more/);
    expect(refused(of => of.count(of.buffers, 8))).toMatch(/the batch at byte BODY has 8 buffers, and needs more/);
    expect(refused(of => of.count(of.nodes, 4))).toBe("passed");
  });
  test.each([-1, rows + 1, 2 ** 40])("whose first column says %i rows is refused", count => {
    const message = refused(of => of.set(of.nodes, BigInt(count)));
    if (count < 0) expect(message).toMatch(/a column of the batch at byte BODY has -1 rows and 1 nulls/);
    else expect(message).toMatch(/buffer 1 of the batch|buffer 0 of the batch|has not its 9 rows/);
  });
  test("whose columns have fewer rows than it, or more, is refused", () => {
    expect(refused(of => of.set(of.nodes, 8n))).toMatch(/a column of the batch at byte BODY has not its 9 rows/);
    const one = new Table({ i: vectorFromArray([1, 2, 3], new Int32()) });
    expect(refused(of => of.set(of.nodes, 2n), one)).toMatch(/a column of the batch at byte BODY has not its 3 rows/);
    expect(refused(of => of.set(of.nodes, 4n), one)).toMatch(/buffer 1 of the batch at byte BODY|has not its 3 rows/);
  });
  test("with negative nulls, or more nulls than rows", () => {
    expect(refused(of => of.set(of.nodes + 8, -1n))).toMatch(
      /a column of the batch at byte BODY has 9 rows and -1 nulls/,
    );
    expect(refused(of => of.set(of.nodes + 8, 10n))).toMatch(
      /a column of the batch at byte BODY has 9 rows and 10 nulls/,
    );
    expect(refused(of => of.set(of.nodes + 8, 9n))).toBe("passed");
    expect(refused(of => of.set(of.nodes + 8, 0n))).toBe("passed");
  });
});

describe("a buffer", () => {
  test.each([
    ["validity", N_VALID, 2],
    ["64 bits a row", N_VALUES, 72],
    ["validity of texts", S_VALID, 2],
    ["offsets of texts", S_OFFSETS, 40],
    ["bytes of texts", S_BYTES, 8],
    ["validity of lists", L_VALID, 2],
    ["offsets of lists", L_OFFSETS, 40],
    ["values of items", ITEM_VALUES, 32],
  ])("of %s (%i) has at least its %i bytes", (_, buffer, needed) => {
    const set = (bytes: number) => refused(of => of.set(length(of, buffer), BigInt(bytes)));
    expect(set(needed)).toBe("passed");
    expect(set(needed - 1)).toMatch(
      new RegExp(`buffer ${buffer} of the batch at byte BODY has ${needed - 1} of ${needed} bytes`),
    );
  });
  test("of validity may be empty where there are no nulls, whatever its offset", () => {
    expect(
      refused(of => {
        of.set(length(of, ITEM_VALID), 0n);
        of.set(offset(of, ITEM_VALID), 2n ** 40n);
      }),
    ).toBe("passed");
    expect(refused(of => of.set(length(of, N_VALID), 0n))).toMatch(
      /buffer 0 of the batch at byte BODY has 0 of 2 bytes/,
    );
  });
  test("begins where the one before ends, or later, and ends in the body", () => {
    expect(refused(of => of.set(offset(of, N_VALUES), 1n))).toMatch(
      /buffer 1 of the batch at byte BODY takes bytes 1 to \d+ of \d+ to \d+/,
    );
    // The last byte may be the body's last.
    const of = parts();
    const last = of.length - of.get(offset(of, ITEM_VALUES));
    expect(refused(of => of.set(length(of, ITEM_VALUES), BigInt(last)))).toBe("passed");
    expect(refused(of => of.set(length(of, ITEM_VALUES), BigInt(last + 1)))).toMatch(
      new RegExp(`buffer 8 of the batch at byte BODY takes bytes \\d+ to ${of.length + 1} of \\d+ to ${of.length}`),
    );
    expect(refused(of => of.set(offset(of, N_VALID), -8n))).toMatch(
      /buffer 0 of the batch at byte BODY takes bytes -8/,
    );
    expect(refused(of => of.set(offset(of, N_VALID), 2n ** 60n))).toMatch(
      /it holds the number 1152921504606847000 at byte \d+ of its metadata/,
    );
  });
});

describe("offsets", () => {
  const at = (of: Parts, buffer: number, i: number): number => of.body + of.get(offset(of, buffer)) + 4 * i;
  const set = (buffer: number, i: number, value: number) =>
    refused(of => words(of.bytes).setInt32(at(of, buffer, i), value, true));
  test.each([
    ["texts", S_OFFSETS],
    ["lists", L_OFFSETS],
  ])("of %s rise", (_, buffer) => {
    expect(set(buffer, 0, -1)).toMatch(/offset 0 at byte \d+ is -1, after 0/);
    expect(set(buffer, 4, 100)).toMatch(/offset 5 at byte \d+ is \d, after 100/);
    expect(set(buffer, 3, 0)).toMatch(/offset 3 at byte \d+ is 0, after [12]/);
  });
  test("end inside the bytes, and inside the items", () => {
    expect(set(S_OFFSETS, 9, 9)).toMatch(/buffer 4 of the batch at byte BODY has 8 of 9 bytes/);
    expect(set(L_OFFSETS, 9, 5)).toMatch(/lists of the batch at byte BODY end at 5 of 4 items/);
    // Items may follow the last list.
    expect(refused(of => words(of.bytes).setInt32(at(of, L_OFFSETS, 9), 3, true))).toBe("passed");
  });
  test("of a batch without rows may be missing", () => {
    const empty = new Table({ s: vectorFromArray([] as string[], new Utf8()) });
    expect(refused(of => of.set(length(of, 1), 0n), empty)).toBe("passed");
  });
  test("of more than a stretch are all compared", () => {
    const count = 2 ** 16 + 3;
    const many = new Table({
      s: vectorFromArray(
        Array.from({ length: count }, () => "a"),
        new Utf8(),
      ),
    });
    const change = (i: number, value: number) =>
      refused(of => words(of.bytes).setInt32(at(of, 1, i), value, true), many);
    expect(change(2 ** 16, 2 ** 16 - 2)).toMatch(/offset 65536 at byte BODY is 65534, after 65535/);
    expect(change(count, 0)).toMatch(/offset 65539 at byte BODY is 0, after 65538/);
  });
});

test("a column of nulls has no buffers, and each type has its own", () => {
  const table = new Table({
    nothing: vectorFromArray([null, null], new Null()),
    i: vectorFromArray([1, 2], new Int32()),
  });
  expect(refused(() => {}, table)).toBe("passed");
  expect(refused(of => of.count(of.buffers, 1), table)).toMatch(/has 1 buffers, and needs more/);
});

describe("a message", () => {
  test("of another kind, without a header, or of a body that its file does not have is refused", () => {
    const of = parts();
    const first = of.bytes.length - words(of.bytes).byteLength;
    expect(first).toBe(0);
    const cut = (bytes: number) => () => checkArrow(bytesSource(of.bytes.subarray(0, bytes)));
    expect(cut(0)).toThrow("it has no schema, as an empty file");
    expect(cut(of.body + of.length - 1)).toThrow(/the batch at byte \d+ takes \d+ bytes, and \d+ follow/);
    expect(cut(of.body - 1)).toThrow(/the metadata at byte \d+ takes \d+ bytes, and \d+ follow/);
    expect(cut(of.body + of.length)).not.toThrow();
  });
  test("before the schema, and a second schema", () => {
    const bytes = tableToIPC(whole(), "stream");
    const schema = 8 + words(bytes).getInt32(4, true);
    const again = Buffer.concat([bytes.subarray(0, schema), bytes]);
    expect(() => checkArrow(bytesSource(again))).toThrow("it has no schema, or several");
    expect(() => checkArrow(bytesSource(bytes.subarray(schema)))).toThrow("it does not begin with a schema");
  });
  test("after the mark of the end is not read", () => {
    const bytes = Buffer.concat([tableToIPC(whole(), "stream"), Buffer.alloc(8), Buffer.from("anything at all")]);
    expect(() => checkArrow(bytesSource(bytes))).not.toThrow();
  });
});

describe("a FlatBuffer", () => {
  /** A root table at byte 8 with one field of four bytes; its vtable of six bytes at byte 16. */
  const table = (change: (view: DataView) => void = () => {}): DataView => {
    const view = new DataView(new ArrayBuffer(22));
    view.setUint32(0, 8, true);
    view.setInt32(8, -8, true);
    view.setInt32(12, 77, true);
    view.setUint16(16, 6, true);
    view.setUint16(18, 8, true);
    view.setUint16(20, 4, true);
    change(view);
    return view;
  };
  test("has a field, and 0 or nothing for those that it lacks", () => {
    const root = flatRoot(table());
    expect([root.int32(0), root.int32(1), root.int32(9), root.has(0), root.has(1)]).toEqual([77, 0, 0, true, false]);
    expect([root.text(1), root.table(1), root.tables(1), root.structs(1, 8)]).toEqual([
      ...[undefined, undefined, []],
      { at: 0, count: 0 },
    ]);
    expect(flatRoot(table(view => view.setUint16(20, 0, true))).has(0)).toBe(false);
  });
  test.each<[string, string, (view: DataView) => void]>([
    ["a root beyond it", "refers to bytes 19 to 23 of its metadata, which has 22", view => view.setUint32(0, 19, true)],
    ["a vtable before it", "refers to bytes -1 to 3 of its", view => view.setInt32(8, 9, true)],
    ["a vtable beyond it", "refers to bytes 20 to 24 of its", view => view.setInt32(8, -12, true)],
    ["a longer vtable", "refers to bytes 16 to 24 of its", view => view.setUint16(16, 8, true)],
    ["a longer table", "refers to bytes 8 to 23 of its", view => view.setUint16(18, 15, true)],
    ["a vtable of two bytes", "a table of 2 and 8 bytes at byte 8 of its", view => view.setUint16(16, 2, true)],
    ["a vtable of five bytes", "a table of 5 and 8 bytes at byte 8 of its", view => view.setUint16(16, 5, true)],
  ])("with %s is refused", (_, message, change) => {
    expect(() => flatRoot(table(change))).toThrow(message);
  });
  test("with a field, a text or tables beyond it is refused when it is read", () => {
    const at = (offset: number) => flatRoot(table(view => view.setUint16(20, offset, true)));
    expect(() => at(5).int32(0)).toThrow("has a field beyond its table at byte 8 of its metadata");
    expect(at(5).uint8(0)).toBe(0);
    expect(() => at(8).has(0)).toThrow("has a field beyond its table");
    expect(() => at(2).int64(0)).toThrow("has a field beyond its table");
    const to = (offset: number) => flatRoot(table(view => view.setUint32(12, offset, true)));
    expect(() => to(7).text(0)).toThrow("refers to bytes 19 to 23 of its");
    expect(() => to(4).text(0)).toThrow(/refers to bytes 20 to \d+ of its/);
    expect(() => to(4).tables(0)).toThrow(/refers to bytes 20 to \d+ of its/);
    expect(() => to(77).table(0)).toThrow("refers to bytes 89 to 93 of its");
  });
});
