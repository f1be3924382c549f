/** Weights that are moved beside a model: ONNX Runtime computes the same, and bytes that are not a model are refused. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import { WireError } from "#formats/bytes/wire.js";
import { bytesMember, fixed32Member, message, stringMember, varintMember } from "#formats/bytes/wire-writer.js";
import { moveWeights } from "#formats/onnx/external-weights.js";
import { readOnnxSignature } from "#formats/onnx/onnx.js";
import { printOnnxModel } from "#formats/onnx/onnx-model.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-external-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [FROM, TO] = [300, 70];
const weights = Float32Array.from({ length: FROM * TO }, (_, i) => Math.sin(i));
const bias = Float32Array.from({ length: TO }, (_, i) => i / 7);
const tensorOf = (name: string, ...data: Uint8Array[]) =>
  message(varintMember(1, FROM), varintMember(1, TO), varintMember(2, 1), stringMember(8, name), ...data);

/** y = x · w + b. @param raw the tensor `w`, as another exporter writes it */
const model = (raw?: Uint8Array) =>
  printOnnxModel({
    name: "layer",
    opsets: { "": 17 },
    inputs: [{ name: "x", dtype: "float32", shape: ["n", FROM] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["n", TO] }],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["xw"] },
      { op: "Add", inputs: ["xw", "b"], outputs: ["y"] },
    ],
    constants: {
      ...(!raw && { w: { dtype: "float32", shape: [FROM, TO], values: weights } }),
      b: { dtype: "float32", shape: [TO], values: bias },
    },
    ...(raw && { rawConstants: [{ raw }] }),
  });

const bytes = new Uint8Array(weights.buffer);
const FORMS = {
  "raw bytes": model(),
  "a packed list of floats": model(tensorOf("w", bytesMember(4, bytes))),
};
const x = new Tensor(
  "float32",
  Float32Array.from({ length: 2 * FROM }, (_, i) => Math.cos(i)),
  [2, FROM],
);
const answer = async (session: InferenceSession) => (await session.run({ x })).y!.data;

test.each(Object.entries(FORMS))("a model with %s computes the same", async (name, whole) => {
  const moved = moveWeights(whole, "weights", 1000)!;
  expect(moved.moved.map(({ length }) => length)).toEqual([weights.byteLength]);
  const file = new Uint8Array(moved.end);
  for (const { from, length, to } of moved.moved) file.set(whole.subarray(from, from + length), to);
  const path = join(folder, name.replaceAll(" ", "-"));
  writeFileSync(path, Buffer.concat(moved.model));
  writeFileSync(join(folder, "weights"), file);
  expect(Buffer.concat(moved.model).length).toBeLessThan(1000);
  expect(readOnnxSignature(path).externalParts).toMatchObject([{ tensor: "w", offset: 0, length: weights.byteLength }]);
  const [ours, original] = [await InferenceSession.create(path), await InferenceSession.create(whole)];
  expect(await answer(ours)).toEqual(await answer(original));
});

test("no bytes of a model that is cut anywhere end the process, and none are read beyond it", () => {
  const whole = FORMS["raw bytes"];
  for (let end = 0; end < 400; end++)
    expect(() => moveWeights(whole.subarray(0, end), "weights", 1)).toThrow(WireError);
});

test.each([
  ["raw bytes of integers", [varintMember(2, 7), bytesMember(9, bytes)], 1],
  ["floats in a packed list", [varintMember(2, 1), bytesMember(4, bytes)], 1],
  ["a packed list of another type", [varintMember(2, 10), bytesMember(4, bytes)], 0],
  ["floats one by one", [varintMember(2, 1), fixed32Member(4, 0.5)], 0],
  ["a list of places in another file", [varintMember(2, 1), bytesMember(13, bytes), bytesMember(9, bytes)], 0],
  ["a mark of another file", [varintMember(2, 1), varintMember(14, 1), bytesMember(9, bytes)], 0],
  ["a segment", [varintMember(2, 1), bytesMember(3, new Uint8Array(0)), bytesMember(9, bytes)], 0],
] as const)("%s: %i of them are moved", (_, fields, count) => {
  const graph = message(bytesMember(5, message(...fields)));
  const moved = moveWeights(bytesMember(7, graph), "weights", 1);
  expect(moved?.moved.length ?? 0).toBe(count);
  expect(moved === undefined).toBe(count === 0);
});

test("weights are moved from a number of bytes on, and each field around them stays", () => {
  const data = new Uint8Array(10).fill(9);
  const before = [varintMember(1, 8), bytesMember(2, Uint8Array.of(1))];
  const node = bytesMember(1, Uint8Array.of(8, 1));
  const named = [varintMember(1, 10), varintMember(2, 2)];
  const tensor = bytesMember(5, message(...named, bytesMember(9, data), stringMember(8, "w")));
  const small = bytesMember(5, message(varintMember(2, 2), bytesMember(9, data.subarray(1))));
  const graph = bytesMember(7, message(node, tensor, small, tensor, node));
  const whole = message(...before, graph, varintMember(90, 1));
  expect(moveWeights(whole, "weights", 11)).toBeUndefined();
  const entry = (key: string, value: string) => bytesMember(13, message(stringMember(1, key), stringMember(2, value)));
  const away = (offset: string) =>
    bytesMember(
      5,
      message(
        ...named,
        stringMember(8, "w"),
        ...[entry("location", "a b"), entry("offset", offset), entry("length", "10"), varintMember(14, 1)],
      ),
    );
  const { model, moved, end } = moveWeights(whole, "a b", 10)!;
  const expected = message(
    ...before,
    bytesMember(7, message(node, away("0"), small, away("4096"), node)),
    varintMember(90, 1),
  );
  expect(Buffer.concat(model)).toEqual(Buffer.from(expected));
  expect(moved.map(({ from, length }) => whole.subarray(from, from + length))).toEqual([data, data]);
  expect([moved.map(({ to }) => to), end]).toEqual([[0, 4096], 8192]);
  expect(() => moveWeights(message(...before), "a", 1)).toThrow("it holds no graph");
});
