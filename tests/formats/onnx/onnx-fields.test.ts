// ONNX files field by field, among fields that are not read: types and dimensions of tensors, metadata of training, and weights in other files.
import { describe, expect, test } from "vitest";
import { bytesMember, fixed32Member, message, stringMember, varint, varintMember } from "#formats/bytes/wire-writer.js";
import { partFault, readOnnxSignature } from "#formats/onnx/onnx.js";

type Bytes = Uint8Array;
const OTHERS = message(varintMember(90, 7), fixed32Member(91, 1), bytesMember(92, Uint8Array.of(1, 2)));
/** A message with fields that are not read around those that are. */
const within = (...fields: Bytes[]): Bytes => message(OTHERS, ...fields, OTHERS);
const dims = (...of: (number | string | null)[]): Bytes =>
  within(
    ...of.map(dim =>
      bytesMember(
        1,
        dim === null ? within() : within(typeof dim === "number" ? varintMember(1, dim) : stringMember(2, dim)),
      ),
    ),
  );
const tensorType = (type: number, shape?: Bytes): Bytes =>
  within(bytesMember(1, within(varintMember(1, type), ...(shape ? [bytesMember(2, shape)] : []))));
const value = (name: string, type: Bytes): Bytes => within(stringMember(1, name), bytesMember(2, type));
const input = (name: string, type: Bytes) => bytesMember(11, value(name, type));
const output = bytesMember(12, value("y", tensorType(1)));
const opset = (version: number, domain?: string): Bytes =>
  bytesMember(8, within(...(domain === undefined ? [] : [stringMember(1, domain)]), varintMember(2, version)));
const note = (key: string, text: string): Bytes => bytesMember(14, within(stringMember(1, key), stringMember(2, text)));
const model = (graph: readonly Bytes[], ...more: Bytes[]): Bytes => within(bytesMember(7, within(...graph)), ...more);
const read = (...of: Parameters<typeof model>) => readOnnxSignature(model(...of), "m.onnx");
const weights = (
  name: string,
  type: number,
  shape: readonly number[],
  entries: Readonly<Record<string, string>> = {},
) =>
  within(
    ...shape.map(size => varintMember(1, size)),
    varintMember(2, type),
    stringMember(8, name),
    ...Object.entries(entries).map(([key, text]) =>
      bytesMember(13, within(stringMember(1, key), stringMember(2, text))),
    ),
  );

describe("inputs and outputs", () => {
  test("have a name, an element type, and dimensions: numbers, symbols, or nothing", () => {
    const { inputs, outputs } = read([
      input("a", tensorType(7, dims(2, "batch", null, "", 0))),
      input("b", tensorType(8)),
      input("c", tensorType(99, dims())),
      output,
    ]);
    expect(inputs).toEqual([
      { name: "a", dtype: "int64", shape: [2, "batch", null, null, 0] },
      { name: "b", dtype: "string", shape: [] },
      { name: "c", dtype: null, shape: [] },
    ]);
    expect(outputs).toEqual([{ name: "y", dtype: "float32", shape: [] }]);
  });
  test.each([
    [4, "sequence"],
    [5, "map"],
    [9, "optional"],
  ])("that are not tensors say their kind instead (%i: %s)", (field, instead) => {
    const { inputs } = read([input("a", bytesMember(field, within())), output]);
    expect(inputs).toEqual([{ name: "a", dtype: null, shape: [], instead }]);
  });
  test("belong to one graph, which has an output", () => {
    const fault = (bytes: Bytes) => expect(() => readOnnxSignature(bytes, "m.onnx"));
    const whole = (what: string) => `m.onnx is not a whole ONNX model: ${what}. Export it again.`;
    fault(opset(17)).toThrow(whole("it holds no graph"));
    fault(message(model([output]), model([output]))).toThrow(whole("it holds 2 graphs"));
    fault(model([])).toThrow(whole("its graph has no outputs"));
  });
});

describe("a model", () => {
  test("has the version of the default operators", () => {
    expect(read([output], opset(3, "other"), opset(17), opset(4, "com.x")).opset).toBe(17);
    expect(read([output], opset(18, "ai.onnx")).opset).toBe(18);
    expect(read([output], opset(19, ""), opset(2, "ai.onnx.ml")).opset).toBe(19);
    expect(read([output]).opset).toBe(0);
  });
  const sum = `sha256:${"0a".repeat(32)}`;
  const trained = (columns: unknown) => {
    const { cardinalities, vocabularies } = read([output], note("merlin.schema", JSON.stringify(columns)));
    return { cardinalities, vocabularies };
  };
  test("has the ids of its training, and the checksums of their vocabularies", () => {
    const columns = [
      { name: "item", cardinality: 100, vocabulary: sum, more: 1 },
      { name: "user", cardinality: 7, vocabulary: null },
      { name: "age", cardinality: null },
    ];
    expect(trained(columns)).toEqual({ cardinalities: { item: 100, user: 7 }, vocabularies: { item: sum } });
  });
  test("has none of another program's note", () => {
    const none = { cardinalities: undefined, vocabularies: undefined };
    for (const columns of [7, {}, [{ name: 1, cardinality: 2 }], [{ name: "a" }], [{ name: "a", cardinality: "2" }]])
      expect(trained(columns)).toEqual(none);
    expect(read([output], note("merlin.schema", "{"))).not.toHaveProperty("cardinalities");
    expect(read([output], note("other", JSON.stringify([{ name: "a", cardinality: 2 }])))).not.toHaveProperty(
      "cardinalities",
    );
  });
  test("says how training compared vectors", () => {
    for (const similarity of ["ip", "cosine", "l2"])
      expect(read([output], note("merlon.similarity", similarity)).similarity).toBe(similarity);
    expect(read([output], note("merlon.similarity", "dot"))).not.toHaveProperty("similarity");
    expect(read([output], note("similarity", "ip"))).not.toHaveProperty("similarity");
  });
});

describe("weights in other files", () => {
  test("have place, length, and the bytes of their shape, in order", () => {
    const packed = within(
      bytesMember(1, message(varint(300), varint(2))),
      ...[varintMember(2, 11), stringMember(8, "b")],
      bytesMember(13, within(stringMember(1, "location"), stringMember(2, "a.bin"))),
    );
    const graph = [
      bytesMember(5, weights("a", 1, [2, 3], { location: "a.bin", offset: "4", length: "24", checksum: "x" })),
      bytesMember(5, packed),
      bytesMember(5, weights("c", 8, [2], { location: "c/d.bin", prepacked_x: "1" })),
      bytesMember(5, weights("d", 7, [], { location: "c/d.bin", length: "999999999999999" })),
      output,
    ];
    const { externalParts, externalData } = read(graph);
    expect(externalParts).toEqual([
      { tensor: "a", location: "a.bin", offset: 4, length: 24, bytes: 24 },
      { tensor: "b", location: "a.bin", offset: 0, length: undefined, bytes: 4800 },
      { tensor: "c", location: "c/d.bin", offset: 0, length: undefined, bytes: undefined },
      { tensor: "d", location: "c/d.bin", offset: 0, length: 999_999_999_999_999, bytes: 8 },
    ]);
    expect(externalData.map(String)).toEqual(["a.bin", "c/d.bin"]);
  });
  const at = (location: string) => () => read([bytesMember(5, weights("a", 1, [1], { location })), output]);
  test.each(["../a", "a/../../b", "/a", "C:/a", "c:a", "a/..", "a/b/..", "a/../b", "..", "*/a", "a\\b/../../c"])(
    "are not at %s",
    location => {
      expect(at(location)).toThrow(
        `m.onnx keeps weights in \`${location}\`, outside its folder. Save it with its data file beside it.`,
      );
    },
  );
  test.each(["a", "a/b.bin", "..a", "a..", "a../b", "...", "a*/b", "ab:c"])("may be at %s", location => {
    expect(at(location)().externalData.map(String)).toEqual([location]);
  });
  test("are inside their file, as long as their shape says", () => {
    const part = { tensor: "w", location: "w.bin", offset: 8, length: 16, bytes: 16 };
    expect(partFault(part, 24)).toBeUndefined();
    expect(partFault(part, 23)).toBe("takes `w` from bytes 8 to 24 of `w.bin`, which has 23");
    expect(partFault({ ...part, length: undefined }, 24)).toBeUndefined();
    expect(partFault({ ...part, length: undefined }, 23)).toBe("takes `w` from bytes 8 to 24 of `w.bin`, which has 23");
    expect(partFault({ ...part, length: undefined, bytes: undefined }, 8)).toBeUndefined();
    expect(partFault({ ...part, length: undefined, bytes: undefined }, 7)).toMatch(/^takes `w` from bytes 8 to /);
    expect(partFault({ ...part, length: 12 }, 24)).toBe("takes `w`, of 16 bytes, from 12 bytes of `w.bin`");
    expect(partFault({ ...part, bytes: undefined }, 24)).toBeUndefined();
  });
});
