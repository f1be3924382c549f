// ONNX files: where weights beside a model are, and functions that call themselves, are checked before ONNX Runtime sees the file.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readOnnxSignature } from "#formats/onnx/onnx.js";
import { ownFiles } from "#runtime/server/backends/onnx-own-files.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-onnx-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A field of a message: texts and messages with their length, numbers as varints. */
function field(number: number, value: number | string | Buffer): Buffer {
  if (typeof value === "number") return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.of(...bytes, left);
}
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields);

/** float32[4] in another file. */
const outside = (entries: Readonly<Record<string, string>>, name = "w"): Buffer =>
  message(
    field(1, 4),
    field(2, 1),
    field(8, name),
    ...Object.entries(entries).map(([key, value]) => field(13, message(field(1, key), field(2, value)))),
    field(14, 1),
  );
const output = field(12, message(field(1, "y"), field(2, message(field(1, message(field(1, 1)))))));
const model = (graph: Buffer, ...more: Buffer[]): Buffer =>
  message(field(1, 8), field(7, message(graph, output)), field(8, message(field(2, 17))), ...more);
const refusal = (bytes: Buffer) => expect(() => readOnnxSignature(bytes, "m.onnx"));

describe("weights in other files", () => {
  const places: Readonly<Record<string, (tensor: Buffer) => Buffer>> = {
    "an initializer": tensor => model(field(5, tensor)),
    "a sparse initializer": tensor => model(field(15, message(field(1, tensor)))),
    "places of a sparse initializer": tensor => model(field(15, message(field(2, tensor)))),
    "an attribute": tensor => model(field(1, message(field(5, message(field(5, tensor)))))),
    "a sparse attribute": tensor => model(field(1, message(field(5, message(field(22, message(field(1, tensor)))))))),
    "a list of sparse attributes": tensor =>
      model(field(1, message(field(5, message(field(23, message(field(1, tensor)))))))),
    "a branch": tensor => model(field(1, message(field(5, message(field(6, field(5, tensor))))))),
    "a function": tensor =>
      model(message(), field(25, message(field(1, "f"), field(7, field(5, message(field(5, tensor))))))),
  };
  test.each(Object.keys(places))("%s", place => {
    const of = (entries: Record<string, string>) => places[place]!(outside(entries));
    expect(readOnnxSignature(of({ location: "w.bin", offset: "8", length: "16" })).externalParts).toEqual([
      { tensor: "w", location: "w.bin", offset: 8, length: 16, bytes: 16 },
    ]);
    for (const location of ["../w.bin", "/w.bin", "a/../../w.bin", "w\0.bin", "*/_ORT_MEM_ADDR_/*", ""])
      refusal(of({ location })).toThrow("outside its folder");
    refusal(of({ location: "w.bin", dims: "1" })).toThrow("the data of `w` in another file has the key `dims`");
    refusal(of({ offset: "1" })).toThrow("the data of `w` in another file has no location");
    for (const offset of ["-1", "1e9", "99999999999999999999", ""])
      refusal(of({ location: "w.bin", offset })).toThrow(`the data of \`w\` in another file has offset \`${offset}\``);
  });
  test("parts that are beyond the file, or of another length than the shape, are refused before ONNX Runtime reads them", () => {
    const load = (entries: Readonly<Record<string, string>>) => {
      const file = join(mkdtempSync(join(folder, "model-")), "model.onnx");
      mkdirSync(join(dirname(file), "data"));
      writeFileSync(file, model(field(5, outside({ location: "data/w.bin", ...entries }))));
      writeFileSync(join(dirname(file), "data", "w.bin"), Buffer.alloc(32));
      const own = ownFiles(file);
      own?.remove();
      return own;
    };
    expect(() => load({ offset: "24", length: "16" })).toThrow(
      /model\.onnx takes `w` from bytes 24 to 40 of `data\/w\.bin`, which has 32\. Export it again\./,
    );
    expect(() => load({ offset: "24" })).toThrow("takes `w` from bytes 24 to 40 of `data/w.bin`, which has 32");
    expect(() => load({ offset: "100000000000000" })).toThrow("which has 32");
    expect(() => load({ length: "12" })).toThrow("takes `w`, of 16 bytes, from 12 bytes of `data/w.bin`");
    expect(load({ offset: "16", length: "16" })).toBeDefined();
  });
});

test("functions that call themselves, or each other, are refused; a chain of them is read", () => {
  const call = (op: string): Buffer => field(7, message(field(4, op), field(7, "own")));
  const define = (name: string, ...calls: string[]): Buffer =>
    field(25, message(field(1, name), field(10, "own"), ...calls.map(call)));
  refusal(model(message(), define("a", "a"))).toThrow(
    "m.onnx is not a whole ONNX model: its function `own.a` calls itself",
  );
  refusal(model(message(), define("a", "b", "c"), define("b"), define("c", "d"), define("d", "a"))).toThrow(
    "its function `own.a` calls itself",
  );
  const chain = Array.from({ length: 5000 }, (_, i) => define(`f${i}`, `f${i + 1}`, `f${i + 1}`, "b"));
  expect(readOnnxSignature(model(message(), ...chain, define("b"))).outputs.length).toBe(1);
});
