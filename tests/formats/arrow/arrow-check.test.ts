// Each rule of the check of Arrow files, by one number of a whole file that is changed: the message says which number, and where.
import { Field, Float64, Int32, Int64, List, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { checkArrow } from "#formats/arrow/arrow-check.js";
import { messageOf } from "#formats/arrow/arrow-file.js";
import type { FlatTable } from "#formats/arrow/flatbuffer.js";
import { bytesSource } from "#formats/bytes/byte-source.js";

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
/** Buffers by their order. The last belongs to the items of the lists. */
const [N_VALID, N_VALUES, S_OFFSETS, L_OFFSETS, ITEM_VALUES] = [0, 1, 3, 6, 8];
const length = (of: Parts, buffer: number): number => of.buffers + 16 * buffer + 8;
const offset = (of: Parts, buffer: number): number => of.buffers + 16 * buffer;

describe("a batch", () => {
  test("whose columns have fewer rows than it, or more, is refused", () => {
    expect(refused(of => of.set(of.nodes, 8n))).toMatch(/a column of the batch at byte BODY has not its 9 rows/);
    const one = new Table({ i: vectorFromArray([1, 2, 3], new Int32()) });
    expect(refused(of => of.set(of.nodes, 2n), one)).toMatch(/a column of the batch at byte BODY has not its 3 rows/);
    expect(refused(of => of.set(of.nodes, 4n), one)).toMatch(/buffer 1 of the batch at byte BODY|has not its 3 rows/);
  });
});

describe("a buffer", () => {
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

describe("a message", () => {
  test("before the schema, and a second schema", () => {
    const bytes = tableToIPC(whole(), "stream");
    const schema = 8 + words(bytes).getInt32(4, true);
    const again = Buffer.concat([bytes.subarray(0, schema), bytes]);
    expect(() => checkArrow(bytesSource(again))).toThrow("it has no schema, or several");
    expect(() => checkArrow(bytesSource(bytes.subarray(schema)))).toThrow("it does not begin with a schema");
  });
});
