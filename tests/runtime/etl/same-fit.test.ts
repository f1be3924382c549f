/** Two fits with as many ids of other values: the schema, transformed files and trained models say which of them they belong to. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "#compiler/index.js";
import { fittedStep } from "#contract/any-step.js";
import type { AnyStep, Plan } from "#contract/plan.js";
import { prepareKernel } from "#operators/kernels.js";
import type { PrepareContext } from "#runtime/engine/schedule/kernel.js";
import { buildCandidates } from "#runtime/etl/candidates.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { writeParquet } from "./table-values.js";
import { workflowPlan } from "./workflow-plan.js";

const TOWER = join(import.meta.dirname, "../../samples/artefacts/models/query_tower.onnx");
const plan = () => workflowPlan({ age: "float32", city: "string" }, [{ op: "categorify", columns: ["city"] }]);
const cellsOf = (city: readonly string[]) => ({ age: city.map(() => 1), city });
const sumOf = ({ outputs }: Plan): unknown =>
  outputs.find(({ schema }) => schema.name === "city")!.schema.properties.vocabulary_sum;

const fitted = (city: readonly string[]): Promise<unknown> =>
  inFolder(async folder => sumOf(await fitCells(folder, plan(), cellsOf(city))));

/** A protobuf field of bytes shorter than 2^14. */
function field(number: number, bytes: Uint8Array): Buffer {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

/** The model with metadata of `merlon-lab` about the columns that it was trained on. */
const trainedOn = (columns: unknown): Buffer =>
  Buffer.concat([
    readFileSync(TOWER),
    field(14, Buffer.concat([field(1, Buffer.from("merlin.schema")), field(2, Buffer.from(JSON.stringify(columns)))])),
  ]);

describe("the checksum of a vocabulary", () => {
  test("is of values and their order, not of counts", async () => {
    const first = await fitted(["x", "x", "y"]);
    expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await fitted(["x", "x", "x", "y", "y"])).toBe(first);
    expect(await fitted(["x", "y", "y"])).not.toBe(first);
    expect(await fitted(["x", "x", "z"])).not.toBe(first);
    expect(await fitted(["xy", "xy", ""])).not.toBe(await fitted(["x", "x", "y"]));
  });
});

describe("a model and a workflow of another fit", () => {
  test.each([
    ["of the same values", ["x", "x", "x", "y"], true, undefined],
    [
      "with as many ids of other values",
      ["x", "y", "y"],
      true,
      /trained on 5 ids of `city`.* makes as many for other values \(vocabulary sha256:[0-9a-f]{12}, and the model's is sha256:[0-9a-f]{12}\)/,
    ],
    ["exported before models named it", ["x", "y", "y"], false, undefined],
  ] as const)("%s", async (_, city, names, refused) => {
    const vocabulary = await fitted(["x", "x", "y"]);
    await inFolder(async folder => {
      await fitCells(folder, plan(), cellsOf(city));
      writeFileSync(
        join(folder, "tower.onnx"),
        trainedOn([
          { name: "city", cardinality: 5, ...(names && { vocabulary }) },
          { name: "age", cardinality: null },
        ]),
      );
      writeFileSync(
        join(folder, "main.ensemble.ts"),
        `import { ensemble, predictOnnx, source, transformWorkflow } from "merlon";
const request = source({ age: "float32", city: "string" });
export default ensemble("x", request >> transformWorkflow("fitted") >> predictOnnx("tower.onnx"));
`,
      );
      const found = await compile(join(folder, "main.ensemble.ts"));
      if (refused === undefined) return expect(found.ok ? [] : found.diagnostics).toEqual([]);
      expect(found.ok).toBe(false);
      expect(!found.ok && found.diagnostics.map(({ code }) => code)).toEqual(["onnx/other-fit"]);
      expect(!found.ok && found.diagnostics[0]!.message).toMatch(refused);
    });
  });
});

describe("a workflow's folder at load", () => {
  const models = { describe: () => Promise.reject(new Error("none")), infer: () => Promise.reject(new Error("none")) };

  test("that another fit replaced since the build is refused, reported or accepted", async () => {
    const built = await inFolder(folder => fitCells(folder, plan(), cellsOf(["x", "x", "y"])));
    await inFolder(async folder => {
      const load = async (outputs: Plan["outputs"], onGoldenDifference: PrepareContext["onGoldenDifference"]) => {
        const step = {
          id: "etl",
          op: "transformWorkflow",
          artefacts: { workflow: "fitted/workflow.json" },
          inputs: { input: built.inputs.map(({ name }) => ({ name, step: "request", column: name })) },
          outputs: outputs.map(({ schema }) => schema),
        } as unknown as AnyStep;
        const prepared = await prepareKernel(fittedStep(step), { folder, models, onGoldenDifference });
        await prepared.close?.();
      };
      await fitCells(folder, plan(), cellsOf(["x", "x", "x", "y"]));
      await load(built.outputs, "refuse");
      const other = await fitCells(folder, plan(), cellsOf(["x", "y", "y"]));
      const told =
        /fitted is another fit than the one of the build\. Its ids of `city` are of vocabulary sha256:[0-9a-f]{12}, not sha256:[0-9a-f]{12}/;
      await expect(load(built.outputs, "refuse")).rejects.toThrow(told);
      const warnings: string[] = [];
      await load(built.outputs, message => void warnings.push(message));
      expect(warnings).toEqual([expect.stringMatching(told)]);
      await load(built.outputs, "skip");
      // Ensembles of older builds know no vocabulary.
      const older = other.outputs.map(output => ({ ...output, schema: { ...output.schema, properties: {} } }));
      await load(older, "refuse");
    });
  });
});

test("a table of candidates from transformed data keeps their vocabulary for the model after it", async () => {
  await inFolder(async folder => {
    const own = await fitCells(folder, plan(), cellsOf(["x", "x", "y"]));
    const data = join(folder, "data.parquet");
    await writeParquet(data, own.inputs, cellsOf(["x", "y"]));
    const out = join(folder, "out.parquet");
    await transformWorkflow(join(folder, "fitted"), data, out);
    const options = { kind: "popular", item: "city", minSupport: 1, topk: 5 } as const;
    await buildCandidates([out], join(folder, "cities.candidates"), options);
    const text = `import { ensemble, lookupCandidates, predictOnnx, source, unrollFeatures } from "merlon";
const request = source({ age: "float32" });
const cities = request["age"] >> lookupCandidates("cities.candidates", { everyone: true, name: "city" });
const pairs = cities >> unrollFeatures("city", request["age"]);
export default ensemble("x", pairs >> predictOnnx("tower.onnx"));
`;
    const codes = async (vocabulary: unknown): Promise<string[]> => {
      writeFileSync(join(folder, "tower.onnx"), trainedOn([{ name: "city", cardinality: 5, vocabulary }]));
      writeFileSync(join(folder, "main.ensemble.ts"), text);
      return (await compile(join(folder, "main.ensemble.ts"))).diagnostics.map(({ code }) => code);
    };
    expect(await codes(sumOf(own))).toEqual([]);
    expect(await codes(await fitted(["x", "y", "y"]))).toEqual(["onnx/other-fit"]);
  });
});
