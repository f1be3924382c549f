// Parts of an ONNX file inside others: weights in each place of onnx.proto, graphs in graphs, functions, and look-ups in tables.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bytesMember, message, stringMember, varint, varintMember } from "#formats/bytes/wire-writer.js";
import { OnnxFileError, readOnnxSignature, readOnnxWithLookUps } from "#formats/onnx/onnx.js";
import { otherModel } from "#formats/onnx/other-model.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-nested-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Bytes = Uint8Array;
/** Fields that the reader does not know, around those that it does. */
const OTHER = message(varintMember(90, 7), bytesMember(92, Uint8Array.of(1, 2)));
const within = (...fields: readonly Bytes[]): Bytes => message(OTHER, ...fields, OTHER);
const output = bytesMember(12, within(stringMember(1, "y")));
const input = (name: string): Bytes => bytesMember(11, within(stringMember(1, name)));
const model = (graph: readonly Bytes[], ...more: readonly Bytes[]): Bytes =>
  within(bytesMember(7, within(...graph, output)), ...more);
const entries = (of: Readonly<Record<string, string>>): readonly Bytes[] =>
  Object.entries(of).map(([key, value]) => bytesMember(13, within(stringMember(1, key), stringMember(2, value))));
const tensor = (name: string | undefined, shape: readonly number[], of: Readonly<Record<string, string>> = {}): Bytes =>
  within(
    ...shape.map(size => varintMember(1, size)),
    varintMember(2, 1),
    ...(name === undefined ? [] : [stringMember(8, name)]),
    ...entries(of),
  );
const away = (name: string): Bytes => tensor(name, [2], { location: `${name}.bin` });
const node = (...fields: readonly Bytes[]): Bytes => bytesMember(1, within(...fields));
const attribute = (...fields: readonly Bytes[]): Bytes => bytesMember(5, within(...fields));
const initializer = (of: Bytes): Bytes => bytesMember(5, of);

describe("weights in another file", () => {
  const filesOf = (bytes: Bytes): readonly string[] => readOnnxSignature(bytes).externalData.map(String);
  const sparse = (nth: number, of: Bytes): Bytes => within(bytesMember(nth, of), bytesMember(3, within()));
  const places: Readonly<Record<string, Bytes>> = {
    "an initializer": model([initializer(away("w"))]),
    "the values of a sparse initializer": model([bytesMember(15, sparse(1, away("w")))]),
    "the places of a sparse initializer": model([bytesMember(15, sparse(2, away("w")))]),
    "an attribute": model([node(attribute(bytesMember(5, away("w"))))]),
    "a list of an attribute": model([node(attribute(bytesMember(10, tensor("v", [1])), bytesMember(10, away("w"))))]),
    "a sparse attribute": model([node(attribute(bytesMember(22, sparse(1, away("w")))))]),
    "a list of sparse ones": model([node(attribute(bytesMember(23, sparse(2, away("w")))))]),
    "a branch": model([node(attribute(bytesMember(6, within(initializer(away("w"))))))]),
    "a list of branches": model([node(attribute(bytesMember(11, within(node(attribute(bytesMember(5, away("w"))))))))]),
    "a function": model(
      [],
      bytesMember(25, within(stringMember(1, "f"), bytesMember(7, within(attribute(bytesMember(5, away("w"))))))),
    ),
    "a branch of a function": model(
      [],
      bytesMember(
        25,
        within(stringMember(1, "f"), bytesMember(7, within(attribute(bytesMember(6, within(initializer(away("w")))))))),
      ),
    ),
  };
  test.each(Object.entries(places))("are found in %s", (_, bytes) => {
    expect(filesOf(bytes)).toEqual(["w.bin"]);
  });
  test("of a branch do not belong to the main graph", () => {
    const branch = node(attribute(bytesMember(6, within(initializer(tensor("x", [2])), input("z"), output))));
    const { inputs, outputs } = readOnnxSignature(
      model([branch, input("x"), input("w"), initializer(tensor("w", [2]))]),
    );
    expect([inputs, outputs].map(all => all.map(({ name }) => name))).toEqual([["x"], ["y"]]);
  });
  const fault = (of: Readonly<Record<string, string>>, name: string | null = "w"): string => {
    try {
      readOnnxSignature(model([initializer(tensor(name ?? undefined, [2], of))]), "m.onnx");
      return "read";
    } catch (error) {
      expect([(error as Error).name, error instanceof OnnxFileError]).toEqual(["OnnxFileError", true]);
      return (error as Error).message
        .replace("m.onnx is not a whole ONNX model: ", "")
        .replace(". Export it again.", "");
    }
  };
  test("have a location, and no key that is not known", () => {
    expect(fault({ location: "a", offset: "0", length: "8", checksum: "x", prepacked_a: "1" })).toBe("read");
    expect(fault({ offset: "0" })).toBe("the data of `w` in another file has no location");
    expect(fault({ location: "a", basepath: "/" })).toBe("the data of `w` in another file has the key `basepath`");
    expect(fault({ location: "a", "": "/" }, null)).toBe("the data of `` in another file has the key ``");
  });
  test.each(["", "x", "-1", "1.5", " 1", "1 ", "0x1", "1e3", "1234567890123456", "x1", "1x"])(
    "have an offset and a length that are numbers, unlike %j",
    text => {
      expect(fault({ location: "a", offset: text })).toBe(`the data of \`w\` in another file has offset \`${text}\``);
      expect(fault({ location: "a", length: text })).toBe(`the data of \`w\` in another file has length \`${text}\``);
    },
  );
});

describe("graphs inside graphs", () => {
  const nested = (depth: number): Bytes =>
    depth === 0 ? within(initializer(away("w"))) : within(node(attribute(bytesMember(6, nested(depth - 1)))));
  const read = (depth: number) => () => readOnnxSignature(within(bytesMember(7, message(nested(depth), output))));
  test("are read a hundred deep, and not deeper", () => {
    expect(read(100)().externalData.map(String)).toEqual(["w.bin"]);
    expect(read(101)).toThrow("graphs are nested more than a hundred deep");
  });
});

describe("functions", () => {
  const name = (op: string, domain: string | undefined, overload: string | undefined, fields: readonly number[]) => [
    stringMember(fields[0]!, op),
    ...(domain === undefined ? [] : [stringMember(fields[1]!, domain)]),
    ...(overload === undefined ? [] : [stringMember(fields[2]!, overload)]),
  ];
  type Name = readonly [op: string, domain?: string | undefined, overload?: string];
  const body = ([op, domain, overload]: Name, ...calls: readonly Name[]): Bytes =>
    bytesMember(
      25,
      within(
        ...calls.map(([op, domain, overload]) => bytesMember(7, within(...name(op, domain, overload, [4, 7, 8])))),
        ...name(op, domain, overload, [1, 10, 13]),
      ),
    );
  const read = (...functions: readonly Bytes[]) => {
    try {
      readOnnxSignature(model([], ...functions));
      return "read";
    } catch (error) {
      return /its function `(.*)` calls itself/.exec((error as Error).message)?.[1];
    }
  };
  test("call each other, and not themselves, by name, domain and overload", () => {
    expect(read(body(["f"], ["g"]), body(["g"], ["h"], ["Add"]), body(["h"]))).toBe("read");
    expect(read(body(["f"], ["f"]))).toBe("f");
    expect(read(body(["f"], ["f", "d"]))).toBe("read");
    expect(read(body(["f", "d"], ["f", "d"]))).toBe("d.f");
    expect(read(body(["f", "d", "o"], ["f", "d", "p"], ["f", "d"], ["f"]))).toBe("read");
    expect(read(body(["f", "d", "o"], ["f", "d", "o"]))).toBe("d.f:o");
    expect(read(body(["f", undefined, "o"], ["f", undefined, "o"]))).toBe("f:o");
  });
});

describe("look-ups", () => {
  let written = 0;
  const lookUps = (...graph: readonly Bytes[]) => {
    const file = join(folder, `${written++}.onnx`);
    writeFileSync(file, model(graph));
    return readOnnxWithLookUps(file).lookUps;
  };
  const gather = (...more: readonly Bytes[]): Bytes =>
    node(stringMember(1, "table"), stringMember(1, "id"), stringMember(2, "v"), stringMember(4, "Gather"), ...more);
  const base = [input("id"), initializer(tensor("table", [7, 2]))];
  const found = [{ input: "id", table: "table", rows: 7 }];
  const axis = (...fields: readonly Bytes[]): Bytes => attribute(stringMember(1, "axis"), ...fields);

  test("are of the default operators, whose domain has two names", () => {
    expect(lookUps(...base, gather())).toEqual(found);
    expect(lookUps(...base, gather(stringMember(7, "")))).toEqual(found);
    expect(lookUps(...base, gather(stringMember(7, "ai.onnx")))).toEqual(found);
    expect(lookUps(...base, gather(stringMember(7, "com.microsoft")))).toEqual([]);
    expect(readOnnxSignature(model([...base, gather()]))).not.toHaveProperty("lookUps");
  });
  test("are along the first axis, by the attribute of that name", () => {
    expect(lookUps(...base, gather(axis(varintMember(3, 0))))).toEqual(found);
    expect(lookUps(...base, gather(axis(varintMember(3, 1))))).toEqual([]);
    expect(lookUps(...base, gather(axis(varintMember(3, -1))))).toEqual([]);
    expect(lookUps(...base, gather(axis(varintMember(3, 2n ** 32n))))).toEqual([]);
    expect(lookUps(...base, gather(attribute(stringMember(1, "other"), varintMember(3, 1))))).toEqual(found);
    expect(lookUps(...base, gather(attribute(varintMember(3, 1))))).toEqual(found);
    // The last of two counts, and an attribute without a number says nothing.
    expect(lookUps(...base, gather(axis(varintMember(3, 1)), axis(varintMember(3, 0))))).toEqual(found);
    expect(lookUps(...base, gather(axis(varintMember(3, 1)), axis()))).toEqual([]);
    expect(
      lookUps(...base, gather(axis(varintMember(3, 1)), attribute(stringMember(1, "x"), varintMember(3, 0)))),
    ).toEqual([]);
    expect(lookUps(...base, gather(axis(bytesMember(3, Uint8Array.of(1)))))).toEqual(found);
  });
  test("are in tables of as many rows as their first dimension", () => {
    for (const shape of [[1], [300, 1, 2]]) {
      const rows = shape[0];
      expect(lookUps(input("id"), initializer(tensor("table", shape)), gather())).toEqual([{ ...found[0], rows }]);
      const packed = within(bytesMember(1, message(...shape.map(varint))), stringMember(8, "table"));
      expect(lookUps(input("id"), initializer(packed), gather())).toEqual([{ ...found[0], rows }]);
    }
    expect(lookUps(input("id"), initializer(tensor("table", [])), gather())).toEqual([{ ...found[0], rows: 1 }]);
    expect(lookUps(input("id"), initializer(tensor("table", [0, 2])), gather())).toEqual([{ ...found[0], rows: 0 }]);
  });
  test.each(["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"])("go through %s", op => {
    const through = node(stringMember(1, "raw"), stringMember(2, "id"), stringMember(4, op));
    expect(lookUps(input("raw"), base[1]!, through, gather())).toEqual([{ ...found[0], input: "raw" }]);
  });
  test("do not go through others, through a second output, or through nodes of branches", () => {
    const through = (op: string, ...fields: readonly Bytes[]) =>
      lookUps(input("raw"), base[1]!, node(...fields, stringMember(4, op)), gather());
    expect(through("Add", stringMember(1, "raw"), stringMember(2, "id"))).toEqual([]);
    expect(through("Cast", stringMember(1, "raw"), stringMember(2, "x"), stringMember(2, "id"))).toEqual([]);
    expect(through("Cast", stringMember(1, "x"), stringMember(1, "raw"), stringMember(2, "id"))).toEqual([]);
    expect(through("Cast", stringMember(2, "id"))).toEqual([]);
    expect(through("Cast", stringMember(1, "raw"))).toEqual([]);
    const inner = within(stringMember(1, "table"), stringMember(1, "id"), stringMember(4, "Gather"));
    const branch = node(stringMember(4, "If"), attribute(bytesMember(6, within(bytesMember(1, inner)))));
    expect(lookUps(...base, branch)).toEqual([]);
  });
});

describe("a file that is none", () => {
  const head = (...parts: readonly (string | readonly number[])[]): Uint8Array =>
    Buffer.concat(parts.map(part => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))));
  const zeros = (count: number): readonly number[] => new Array<number>(count).fill(0);
  const TORCH =
    'Export the model from Python: `torch.onnx.export(model, inputs, "model.onnx", dynamo=True)`, with names for inputs and outputs.';
  const TENSORFLOW = "Convert it: `python -m tf2onnx.convert` reads SavedModels, Keras and TensorFlow Lite files.";
  const ARCHIVE = { what: "a file of PyTorch (`torch.save` or TorchScript), or another zip archive", way: TORCH };
  const KERAS = { what: "a Keras file", way: TENSORFLOW };
  const PICKLE = {
    what: "a Python pickle (an old `torch.save`, or `joblib.dump`)",
    way: "Export the model from Python: `torch.onnx.export` for PyTorch, `skl2onnx.to_onnx` for scikit-learn.",
  };
  const SAFETENSORS = { what: "a safetensors file, which holds weights and no graph", way: TORCH };
  const TEXT = { what: "JSON", way: "A forest of XGBoost or LightGBM is served with `predictForest`." };
  test.each<[string, Uint8Array, object | undefined]>([
    ["a zip", head("PK\x03\x04"), ARCHIVE],
    ["part of its mark", head("PK\x03"), undefined],
    ["a zip of Keras", head("PK\x03\x04", zeros(26), "metadata.json"), KERAS],
    ["another of Keras", head("PK\x03\x04", zeros(26), "config.json"), KERAS],
    ["a zip with the name later", head("PK\x03\x04", zeros(45), "config.json"), KERAS],
    ["a zip with the name too late", head("PK\x03\x04", zeros(46), "config.json"), ARCHIVE],
    ["a zip with the name too early", head("PK\x03\x04", zeros(25), "config.json"), ARCHIVE],
    ["a zip of a file with another dot", head("PK\x03\x04", zeros(26), "metadata-json config-json"), ARCHIVE],
    ["the name alone", head(zeros(30), "metadata.json"), undefined],
    ["a pickle of protocol 2", head([0x80, 2]), PICKLE],
    ["a pickle of protocol 5", head([0x80, 5]), PICKLE],
    ["protocol 1", head([0x80, 1]), undefined],
    ["protocol 6", head([0x80, 6]), undefined],
    ["protocol 4 after something else", head([0x81, 4]), undefined],
    ["HDF5", head("\x89HDF"), { what: "an HDF5 file (Keras)", way: TENSORFLOW }],
    ["HDF5 without its first byte", head("xHDF"), undefined],
    ["TensorFlow Lite", head([28, 0, 0, 0], "TFL3"), { what: "a TensorFlow Lite file", way: TENSORFLOW }],
    ["TensorFlow Lite too early", head([28, 0, 0], "TFL3"), undefined],
    ["safetensors", head([64, 1, 0, 0, 0, 0, 0, 0], "{"), SAFETENSORS],
    ["safetensors of 4 GB of names", head([64, 1, 0, 0, 1, 0, 0, 0], "{"), undefined],
    ["safetensors that end", head([64, 1, 0, 0, 0, 0, 0, 0]), undefined],
    ["safetensors without an object", head([64, 1, 0, 0, 0, 0, 0, 0], "["), undefined],
    ["an object", head('{"a"'), TEXT],
    ["an object in a list", head(" \n[ {"), TEXT],
    ["a list in a list", head("[["), TEXT],
    ["a list of numbers", head("[1"), undefined],
    ["an object after something else", head('x{"'), undefined],
  ])("%s", (_, bytes, found) => {
    const { what, way } = otherModel(bytes) ?? {};
    expect(what === undefined ? undefined : { what, way }).toEqual(found);
    // In the middle of a buffer.
    const inside = Buffer.concat([Buffer.from("PK"), bytes, Buffer.from("{{")]).subarray(2, 2 + bytes.length);
    expect(otherModel(inside)?.what).toBe(what);
    if (what !== undefined)
      expect(() => readOnnxSignature(bytes, "x")).toThrow(`x is not an ONNX model: it is ${what}`);
  });
});
