import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { artefactReader } from "#compiler/3-graph/artefacts.js";
import { readOnnxSignature } from "#formats/onnx/onnx.js";
import { onnxDatatype } from "#triton-protos/datatype.js";

const folder = fileURLToPath(new URL("../../fixtures/onnx", import.meta.url));
interface Tensor {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly (number | string | null)[];
}
const answers = JSON.parse(readFileSync(join(folder, "answers.json"), "utf8")) as Record<
  string,
  { inputs: Tensor[]; outputs: Tensor[]; opset: number }
>;
const asHere = (tensors: readonly Tensor[]) =>
  tensors.map(({ name, type, shape }) => ({ name, dtype: onnxDatatype(type)!.name, shape }));

describe("signatures", () => {
  test.each(["inputs", "external"])("%s.onnx: what the onnx package says", name => {
    const { inputs, outputs, opset } = answers[name]!;
    expect(readOnnxSignature(join(folder, `${name}.onnx`))).toMatchObject({
      inputs: asHere(inputs),
      outputs: asHere(outputs),
      opset,
    });
  });
  test("files with weights, those of branches too", () => {
    expect(readOnnxSignature(join(folder, "external.onnx")).externalData.toSorted()).toEqual([
      "branch/b.bin",
      "weights.bin",
    ]);
    expect(readOnnxSignature(join(folder, "inputs.onnx")).externalData).toEqual([]);
  });
  test("weights outside the model's folder are refused", () => {
    expect(() => readOnnxSignature(join(folder, "escaping.onnx"))).toThrow(
      /escaping\.onnx keeps weights in `\.\.\/secret\.bin`, outside its folder/,
    );
  });
  test("a link that leads out of the folder is refused; a model that is a link itself may have its data where it leads", () => {
    const at = mkdtempSync(join(tmpdir(), "merlon-links-"));
    try {
      const [blobs, model] = [join(at, "blobs"), join(at, "project", "model")];
      for (const made of [blobs, model]) mkdirSync(made, { recursive: true });
      writeFileSync(join(at, "project", "package.json"), "{}");
      for (const [name, bytes] of [
        ["weights.bin", "w"],
        ["b.bin", "b"],
      ] as const)
        writeFileSync(join(blobs, name), bytes);
      mkdirSync(join(model, "branch"));
      symlinkSync(join(blobs, "weights.bin"), join(model, "weights.bin"));
      symlinkSync(join(blobs, "b.bin"), join(model, "branch", "b.bin"));
      const file = join(model, "model.onnx");
      copyFileSync(join(folder, "external.onnx"), file);
      expect(artefactReader(model).onnx("model.onnx")).toMatchObject({
        ok: false,
        message: { message: expect.stringMatching(/weights in `[\w./]+`, a link that leads outside its folder/) },
      });
      renameSync(file, join(blobs, "model.onnx"));
      symlinkSync(join(blobs, "model.onnx"), file);
      expect(artefactReader(model).onnx("model.onnx")).toMatchObject({ ok: true });
    } finally {
      rmSync(at, { recursive: true });
    }
  });
  test("cut anywhere, it is refused by name, or what is left is a whole prefix without its outputs", () => {
    const bytes = readFileSync(join(folder, "inputs.onnx"));
    for (let length = 0; length < bytes.length; length++) {
      let signature: unknown;
      try {
        signature = readOnnxSignature(bytes.subarray(0, length), "cut.onnx");
      } catch (error) {
        expect((error as Error).message, `${length} bytes`).toMatch(/^cut\.onnx is not a whole ONNX model: /);
        continue;
      }
      // The operator sets are behind the graph; a file cut exactly between them is still a model.
      expect(signature, `${length} bytes`).toMatchObject({ outputs: asHere(answers.inputs!.outputs) });
    }
  });
  test("garbage, and nothing", () => {
    expect(() => readOnnxSignature(Buffer.from("hello world, this is text"), "x.onnx")).toThrow(
      /^x\.onnx is not a whole ONNX model: .* Export it again\.$/,
    );
    expect(() => readOnnxSignature(new Uint8Array(0), "x.onnx")).toThrow(
      "x.onnx is not a whole ONNX model: it holds no graph.",
    );
    expect(() => readOnnxSignature(join(folder, "none.onnx"))).toThrow(/ENOENT/);
  });
});
