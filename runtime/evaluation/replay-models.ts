/** The ONNX models of a repository, for a plan that runs outside a server. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { modelName } from "../../contract/files/model-name.js";
import { readOnnxSignature } from "../../formats/onnx/onnx.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { typedTensor, wireTensor } from "../base/columns/tensor-values.js";
import { invalid } from "../base/errors.js";
import { silenceOnnx } from "../base/onnx-telemetry.js";
import type { Tensor } from "../base/tensor.js";
import type { ModelCaller, TensorDescription } from "../engine/schedule/kernel.js";

export interface ReplayModels extends ModelCaller {
  close(): Promise<void>;
}

/** @param repository folder of the models */
export const replayModels = (repository: string): ReplayModels =>
  modelsIn(model => {
    const folder = join(repository, modelName(model));
    return join(folder, latestVersion(folder), "model.onnx");
  });

/** @param fileOf the ONNX file of a model */
export function modelsIn(fileOf: (model: string) => string): ReplayModels {
  silenceOnnx();
  const sessions = new Map<string, Promise<ort.InferenceSession>>();
  const sessionOf = (model: string): Promise<ort.InferenceSession> => {
    const opened = sessions.get(model) ?? ort.InferenceSession.create(fileOf(model), { logSeverityLevel: 4 });
    sessions.set(model, opened);
    return opened;
  };
  return {
    describe: async model => {
      const { inputs, outputs } = readOnnxSignature(fileOf(model));
      return { inputs: inputs.map(described), outputs: outputs.map(described) };
    },
    infer: async (model, inputs, outputs) => {
      const session = await sessionOf(model);
      const feeds = Object.fromEntries(inputs.map(tensor => [tensor.name, toOrt(tensor)]));
      const answer = await session.run(feeds, [...outputs]).catch(error => {
        throw invalid(`model \`${model}\` failed: ${(error as Error).message}`);
      });
      return outputs.map(name => fromOrt(name, answer[name]!));
    },
    close: async () => {
      for (const session of sessions.values()) await (await session).release();
    },
  };
}

/** The highest numbered version folder of a model. @throws RuntimeFault */
export function latestVersion(folder: string): string {
  const versions = readdirSync(folder).filter(name => /^[1-9]\d{0,17}$/.test(name));
  const [latest] = versions.sort((a, b) => Number(b) - Number(a));
  if (latest === undefined) throw invalid(`\`${folder}\` has no version folder. Build it with \`merlon build\`.`);
  return latest;
}

function described({ name, dtype, shape }: ReturnType<typeof readOnnxSignature>["inputs"][number]): TensorDescription {
  if (dtype === null) throw invalid(`tensor \`${name}\` of a model has a type that columns do not have.`);
  return { name, datatype: datatype(dtype).wire, shape: shape.map(dim => (typeof dim === "number" ? dim : -1)) };
}

function toOrt(tensor: Tensor): ort.Tensor {
  const { dtype, values, shape } = typedTensor(tensor);
  return new ort.Tensor(dtype as "float32", values as Float32Array, shape);
}

function fromOrt(name: string, { type, data, dims }: ort.Tensor): Tensor {
  return wireTensor({ name, dtype: type as DType, shape: dims, values: data as never });
}
