/** A plan with every kind of serving step over fixtures of Feast and FAISS, loaded through the merlon backend. */
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pathInside } from "#contract/files/path-inside.js";
import { type ColumnRef, type Plan, printPlan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import { allocate, type Values } from "#runtime/base/columns/table.js";
import { tensorValues, valuesTensor } from "#runtime/base/columns/tensor-values.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Parameter, Tensor } from "#runtime/base/tensor.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { merlonBackend } from "#runtime/server/backends/merlon.js";
import type { BackendRequest, BackendResponse } from "#runtime/server/contract.js";
import { NO_CONTROLS } from "#runtime/server/requests/controls.js";
import { type DType, datatype } from "#triton-protos/datatype.js";
import { type ModelConfigInit, parseModelConfig, printModelConfig } from "#triton-protos/model-config.js";

const fixtures = fileURLToPath(new URL("../../fixtures", import.meta.url));
export const at = (step: string, name: string, as = name): ColumnRef => ({ name: as, step, column: name });

/** A version folder with the artefacts and this plan. */
export function versionFolder(plan: Plan | string): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-model-"));
  mkdirSync(join(folder, "indexes"));
  cpSync(join(fixtures, "faiss", "ivf-ip.faiss"), join(folder, "indexes", "items.faiss"));
  cpSync(join(fixtures, "feast", "v3"), join(folder, "features"), { recursive: true });
  writeFileSync(join(folder, "plan.json"), typeof plan === "string" ? plan : printPlan(plan));
  return folder;
}

/** The model `rank`: score = (item mod 7 + age) / 10. */
export const rankModel: ModelCaller = {
  describe: async () => ({
    inputs: [
      { name: "item", datatype: "INT64", shape: [-1] },
      { name: "age", datatype: "FP32", shape: [-1, 1] },
    ],
    outputs: [{ name: "score", datatype: "FP32", shape: [-1, 1] }],
  }),
  infer: async (_, tensors) => {
    const item = tensorValues(tensors.find(t => t.name === "item")!, "int64");
    const age = tensorValues(tensors.find(t => t.name === "age")!, "float32");
    const scores = Float32Array.from(item as BigInt64Array, (id, i) => (Number(id % 7n) + Number(age[i])) / 10);
    return [valuesTensor("score", "float32", [scores.length, 1], scores)];
  },
};

const user = column("user_id", "int64");
const query = column("query", "float32", { list: { min: 4, max: 4 } });
const made = (name: string, dtype: DType, rows: string, rest: Partial<ColumnSchema> = {}) => ({
  ...column(name, dtype, { rows }),
  ...rest,
});
export const ragged = { list: { min: 0, max: null } } as const;

/** The configuration of `recommend`. */
export const recommendConfig = {
  name: "recommend",
  backend: "merlon",
  max_batch_size: 64,
  input: [
    { name: "user_id", data_type: "TYPE_INT64", dims: [1] },
    { name: "query", data_type: "TYPE_FP32", dims: [4] },
  ],
  output: [
    { name: "ordered_ids", data_type: "TYPE_INT64", dims: [-1] },
    { name: "ordered_scores", data_type: "TYPE_FP32", dims: [-1] },
    { name: "age", data_type: "TYPE_INT32", dims: [1] },
  ],
} as const;

/** Retrieval, filtering, features of the user unrolled, ranking, sampling. */
export const recommend = (mode: "greedy" | "sample"): Plan => ({
  format: "merlon/plan",
  version: 1,
  kind: "ensemble",
  name: "recommend",
  inputs: [user, query],
  steps: [
    {
      id: "user",
      op: "queryFeast",
      label: "user",
      params: {
        repository: "f",
        view: "user_features",
        entityColumn: "user_id",
        includeId: true,
        prefix: "",
        onMissing: { default: 0 },
        features: { age: "age", purchased_ids: "big", weights: "weights" },
      },
      artefacts: { repository: pathInside("features") },
      inputs: { input: [at("request", "user_id")] },
      outputs: [user, column("age", "int32"), column("purchased_ids", "int64"), column("weights", "float32", ragged)],
    },
    {
      id: "retrieval",
      op: "queryFaiss",
      label: "retrieval",
      params: { path: "i", topk: 8, includeDistances: true },
      artefacts: { index: pathInside("indexes/items.faiss") },
      inputs: { input: [at("request", "query")] },
      outputs: [made("candidate_ids", "int64", "retrieval"), made("candidate_distances", "float32", "retrieval")],
    },
    {
      id: "filtering",
      op: "filterCandidates",
      label: "filtering",
      params: {},
      inputs: { input: [at("retrieval", "candidate_ids")], filterOut: [at("user", "purchased_ids")] },
      outputs: [made("filtered_ids", "int64", "filtering")],
    },
    {
      id: "pairs",
      op: "unrollFeatures",
      label: "pairs",
      params: { itemColumn: "filtered_ids", prefix: "user" },
      inputs: { input: [at("filtering", "filtered_ids")], unroll: [at("user", "age"), at("user", "weights")] },
      outputs: [
        made("filtered_ids", "int64", "filtering"),
        made("user_age", "int32", "filtering"),
        made("user_weights", "float32", "filtering", ragged),
      ],
    },
    {
      id: "ranking",
      op: "predictOnnx",
      label: "ranking",
      params: {
        path: "r",
        model: "rank",
        inputs: { item: "filtered_ids", age: "user_age" },
        outputs: { score: "score" },
      },
      inputs: { input: [at("pairs", "filtered_ids"), at("pairs", "user_age")] },
      outputs: [made("score", "float32", "filtering")],
    },
    {
      id: "ordering",
      op: "softmaxSampling",
      label: "ordering",
      params: { topk: 5, temperature: 3, mode },
      inputs: { input: [at("pairs", "filtered_ids")], relevance: [at("ranking", "score")] },
      outputs: [made("ordered_ids", "int64", "ordering"), made("ordered_scores", "float32", "ordering")],
    },
  ],
  outputs: [
    { ref: at("ordering", "ordered_ids"), schema: made("ordered_ids", "int64", "ordering") },
    { ref: at("ordering", "ordered_scores"), schema: made("ordered_scores", "float32", "ordering") },
    { ref: at("user", "age"), schema: column("age", "int32") },
  ],
});

export interface Model {
  infer(
    tensors: readonly Tensor[],
    parameters?: ReadonlyMap<string, Parameter>,
    outputs?: readonly string[],
  ): Promise<BackendResponse>;
  execute(requests: readonly BackendRequest[]): Promise<readonly (BackendResponse | RuntimeFault)[]>;
  close(): Promise<void>;
}

export async function load(folder: string, config: ModelConfigInit, seeds = [1n]): Promise<Model> {
  let drawn = 0;
  const parsed = parseModelConfig(printModelConfig(config), "config.pbtxt");
  const model = await merlonBackend.load({
    name: config.name!,
    version: 1,
    folder,
    config: parsed,
    models: rankModel,
    server: undefined as never,
    gpus: { provider: undefined, devices: [] },
    drawSeed: () => seeds[drawn++ % seeds.length]!,
  });
  const all = parsed.output.map(output => output.name);
  return {
    execute: async requests => model.execute(requests, 0),
    infer: async (tensors, parameters = new Map(), outputs = all) => {
      const [answer] = await model.execute([makeRequest(tensors, parameters, outputs)], 0);
      if (answer instanceof RuntimeFault) throw answer;
      return answer!;
    },
    close: async () => model.close?.(),
  };
}

export const makeRequest = (
  tensors: readonly Tensor[],
  parameters: ReadonlyMap<string, Parameter>,
  outputs: readonly string[],
): BackendRequest => ({
  id: "",
  batch: tensors[0]?.shape[0] ?? 1,
  parameters,
  inputs: new Map(tensors.map(tensor => [tensor.name, tensor])),
  requestedOutputs: new Set(outputs),
  controls: NO_CONTROLS,
});

export function tensor(
  name: string,
  dtype: DType,
  shape: readonly number[],
  items: readonly (number | bigint | string)[],
): Tensor {
  const values = allocate(dtype, items.length) as { [i: number]: unknown };
  items.forEach((item, i) => {
    values[i] = item;
  });
  return valuesTensor(name, dtype, shape, values as unknown as Values);
}

/** An answer's tensors as `name → [shape, values]`. */
export const read = (response: BackendResponse) =>
  Object.fromEntries(
    response.outputs.map(t => [
      t.name,
      [t.shape, [...(tensorValues(t, DTYPES.get(t.datatype)!) as Iterable<unknown>)]],
    ]),
  );
const DTYPES = new Map(
  (["bool", "int8", "int32", "int64", "uint8", "uint64", "float32", "float64", "string"] as const).map(name => [
    datatype(name).wire,
    name,
  ]),
);
