import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { forestOutputs, forestToOnnx } from "#compiler/forest/forest-onnx.js";
import { readForest } from "#compiler/forest/read-forest.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { typedTensor } from "#runtime/base/columns/tensor-values.js";
import type { Tensor } from "#runtime/base/tensor.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { column, context, type Item, plain, prepare, scalars } from "../../tests/operators/step.js";

const FIXTURES = join(import.meta.dirname, "../../tests/fixtures/forest");
const { rows: RECORDED, cases: CASES } = JSON.parse(readFileSync(join(FIXTURES, "cases.json"), "utf8")) as {
  readonly rows: readonly (readonly (number | null)[])[];
  readonly cases: readonly { readonly name: string; readonly file: string; readonly predicted: readonly number[][] }[];
};
const FEATURES = ["age", "price", "visits", "stock", "brand"];

const step = (features: readonly string[], dtype: "float32" | "float64", width = 1, columns = features) => ({
  params: { path: "models/m.ubj", model: "m_forest", features, dtype },
  inputs: { input: [...new Set(columns)] },
  outputs: [column("score", "float32", width > 1 ? { list: { min: width, max: width } } : {})],
});

const DESCRIPTION = {
  inputs: [{ name: "features", datatype: "FP32", shape: [-1, 2] }],
  outputs: [{ name: "prediction", datatype: "FP32", shape: [-1, 1] }],
} as const;

/** A server whose model answers `values` for each row, and notes its inputs. @param isSync whether it answers at once */
function answering(values: (rows: number) => readonly number[], isSync = false) {
  const seen: Tensor[] = [];
  const answer = (count: number): Tensor => {
    const made = Float32Array.from(values(count));
    return { name: "prediction", datatype: "FP32", shape: [made.length, 1], data: new Uint8Array(made.buffer) };
  };
  const models: ModelCaller = {
    describe: async () => DESCRIPTION,
    infer: async (_, [features]) => {
      seen.push(features!);
      return [answer(features!.shape[0]!)];
    },
    ...(isSync && { inferSync: (_, [features]) => [typedTensor(answer(features!.shape[0]!))] }),
  };
  return { seen, models };
}

const matrixOf = ({ datatype, data }: Tensor) => {
  const bytes = data.slice().buffer;
  return [...(datatype === "FP64" ? new Float64Array(bytes) : new Float32Array(bytes))];
};

/** The forest's graph as a server's model. */
async function served(file: string): Promise<{ models: ModelCaller; close: () => Promise<void> }> {
  const session = await InferenceSession.create(forestToOnnx(readForest(join(FIXTURES, file))), {
    intraOpNumThreads: 1,
  });
  const models: ModelCaller = {
    describe: async () => DESCRIPTION,
    infer: async (_, [features]) => {
      const Values = features!.datatype === "FP64" ? Float64Array : Float32Array;
      const values = new Values(features!.data.slice().buffer);
      const type = features!.datatype === "FP64" ? "float64" : "float32";
      const { prediction } = await session.run({ features: new OnnxTensor(type, values, [...features!.shape]) });
      const data = prediction!.data as Float32Array;
      return [
        {
          name: "prediction",
          datatype: "FP32",
          shape: [...prediction!.dims],
          data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        },
      ];
    },
  };
  return { models, close: () => session.release() };
}

describe("predictions are the libraries' own", () => {
  test.each(CASES)("$name", async ({ file, predicted }) => {
    const forest = readForest(join(FIXTURES, file));
    const width = forestOutputs(forest);
    const { models, close } = await served(file);
    const kernel = await prepare(
      "predictForest",
      step(FEATURES, forest.dtype, width, FEATURES.toReversed()),
      ".",
      models,
    );
    const rows = rootRows(RECORDED.length);
    const columns = FEATURES.map((_, i) =>
      scalars(
        "float64",
        RECORDED.map(row => row[i]!),
        rows,
      ),
    ).toReversed();
    const [made] = await kernel.run({ input: columns }, context());
    await close();
    expect([made!.dtype, made!.rows === rows, made!.width]).toEqual(["float32", true, width > 1 ? width : undefined]);
    predicted.flat().forEach((value, i) => {
      const off = Math.abs((made!.values[i] as number) - value) / Math.max(1, Math.abs(value));
      expect(off, `place ${i}: ${made!.values[i]} for ${value}`).toBeLessThan(1e-6);
    });
  });
});

describe("features", () => {
  const matrix = async (
    features: readonly string[],
    dtype: "float32" | "float64",
    input: Readonly<Record<string, Column>>,
  ) => {
    const { seen, models } = answering(rows => Array.from({ length: rows }, () => 0));
    const kernel = await prepare("predictForest", step(features, dtype, 1, Object.keys(input)), ".", models);
    await kernel.run({ input: Object.values(input) }, context());
    return { datatype: seen[0]!.datatype, shape: seen[0]!.shape, values: matrixOf(seen[0]!) };
  };

  test("go in the forest's order, nulls of every dtype as NaN, a column as two features too", async () => {
    const rows = rootRows(2);
    const input = { visits: scalars("int64", [7n, null], rows), price: scalars("float32", [null, 0.5], rows) };
    expect(await matrix(["price", "visits", "price"], "float64", input)).toEqual({
      datatype: "FP64",
      shape: [2, 3],
      values: [Number.NaN, 7, Number.NaN, 0.5, Number.NaN, 0.5],
    });
  });

  test.each(["bool", "int8", "uint16", "uint64"] as const)("of %s are numbers", async dtype => {
    const items: Item[] = dtype === "bool" ? [true, false] : [1, 100];
    const { values } = await matrix(["x"], "float32", { x: scalars(dtype, items) });
    expect(values).toEqual(dtype === "bool" ? [1, 0] : [1, 100]);
  });
});

test("no rows: the model is not called", async () => {
  const { seen, models } = answering(() => []);
  const kernel = await prepare("predictForest", step(["x", "y"], "float32", 3), ".", models);
  const none = scalars("float32", []);
  const [made] = await kernel.run({ input: [none, none] }, context());
  expect([plain(made!), made!.width, made!.rows === none.rows, seen.length]).toEqual([[], 3, true, 0]);
});

test.each([true, false])("an answer of another length is refused (at once: %s)", async isSync => {
  const { models } = answering(rows => Array.from({ length: rows + 1 }, () => 0), isSync);
  const kernel = await prepare("predictForest", step(["x"], "float32"), ".", models);
  await expect(async () => kernel.run({ input: [scalars("float32", [1, 2])] }, context())).rejects.toThrow(
    "model `m_forest` answered 3 values for 2 rows of 1.",
  );
});

test("a plan that is not the model's", async () => {
  const { models } = answering(() => []);
  const wrong = "model `m_forest` is not a forest of this plan. Build the ensemble again.";
  await expect(prepare("predictForest", step(["x"], "float32", 1, ["y"]), ".", models)).rejects.toThrow(wrong);
  for (const part of ["inputs", "outputs"] as const) {
    const without = { ...models, describe: async () => ({ ...DESCRIPTION, [part]: [] }) };
    await expect(prepare("predictForest", step(["x"], "float32"), ".", without), part).rejects.toThrow(wrong);
  }
});
