/**
 * One repository for every server of the contract test: Triton runs `model.py`, and `model.mjs` stands in for it in Merlon. MLServer has settings of
 * its own beside the same Python.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DATATYPES } from "#triton-protos/datatype.js";

const PYTHON = `import json
import time

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.name = args["model_name"]
        self.totals = {}

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        value = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        if self.name == "fail":
            return pb_utils.InferenceResponse(error=pb_utils.TritonError("the oven is cold"))
        if self.name == "slow":
            time.sleep(float(value.flat[0]) / 1000)
        if self.name == "count":
            sender = request.get_response_sender()
            for i in range(int(value.flat[0])):
                sender.send(self.out(np.array([i], dtype=np.int32)))
                time.sleep(0.002)
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            return None
        if self.name == "total":
            key = request.correlation_id()
            if request.flags() & pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START:
                self.totals[key] = 0
            # Triton fills the slots of sequences that say nothing with requests of its own, of sequence 0.
            self.totals[key] = self.totals.get(key, 0) + int(value.flat[0])
            value = np.array([[self.totals[key]]], dtype=np.int32)
        if self.name == "said":
            value = np.array([request.parameters()], dtype=object)
        if self.name == "two":
            other = pb_utils.get_input_tensor_by_name(request, "INPUT1").as_numpy()
            return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", value), pb_utils.Tensor("OUTPUT1", other)])
        return self.out(value)

    def out(self, value):
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", value)])
`;

const JAVASCRIPT = `let name;
const totals = new Map();
const int32 = (shape, ...values) => [{ name: "OUTPUT0", datatype: "INT32", shape, data: Int32Array.from(values) }];
const sleep = ms => new Promise(done => setTimeout(done, ms));

export function initialize(context) {
  name = context.name;
}

export async function execute(requests) {
  const answers = [];
  for (const request of requests) answers.push(await answer(request));
  return name === "count" ? undefined : answers;
}

async function answer(request) {
  const input = request.inputs.INPUT0;
  if (name === "fail") return { error: "the oven is cold" };
  if (name === "slow") await sleep(input.data[0]);
  if (name === "count") {
    for (let i = 0; i < input.data[0]; i++) {
      request.send({ outputs: int32([1], i) });
      await sleep(2);
    }
    return undefined;
  }
  if (name === "total") {
    const key = request.correlationId;
    totals.set(key, (request.start ? 0 : totals.get(key)) + input.data[0]);
    return { outputs: int32([1, 1], totals.get(key)) };
  }
  if (name === "said") {
    const text = JSON.stringify(request.parameters, (_, value) => (typeof value === "bigint" ? Number(value) : value));
    return { outputs: [{ name: "OUTPUT0", datatype: "BYTES", shape: [1], data: [text] }] };
  }
  const outputs = [{ ...input, name: "OUTPUT0" }];
  if (name === "two") outputs.push({ ...request.inputs.INPUT1, name: "OUTPUT1" });
  return { outputs };
}
`;

interface Shape {
  readonly inputs: Readonly<Record<string, readonly [wire: string, dims: readonly number[]]>>;
  readonly outputs: Shape["inputs"];
  readonly more?: string;
}

const same = (wire: string, dims: readonly number[], more?: string): Shape => ({
  inputs: { INPUT0: [wire, dims] },
  outputs: { OUTPUT0: [wire, dims] },
  ...(more !== undefined && { more }),
});

/** A model for each datatype, and one for each habit. */
export const MODELS: Readonly<Record<string, Shape>> = {
  ...Object.fromEntries(DATATYPES.map(({ wire }) => [`echo_${wire.toLowerCase()}`, same(wire, [-1])])),
  batched: same("FP32", [3], "max_batch_size: 8"),
  matrix: same("INT32", [-1, -1]),
  fail: same("INT32", [1]),
  slow: same("INT32", [1], "instance_group [ { count: 4 kind: KIND_CPU } ]"),
  count: same("INT32", [1], "model_transaction_policy { decoupled: true }"),
  total: same("INT32", [1], "max_batch_size: 2 sequence_batching { max_sequence_idle_microseconds: 5000000 }"),
  said: { inputs: { INPUT0: ["INT32", [1]] }, outputs: { OUTPUT0: ["BYTES", [1]] } },
  two: {
    inputs: { INPUT0: ["INT32", [-1]], INPUT1: ["BYTES", [-1]] },
    outputs: { OUTPUT0: ["INT32", [-1]], OUTPUT1: ["BYTES", [-1]] },
  },
};

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const tensors = (side: string, all: Shape["inputs"]): string =>
  Object.entries(all)
    .map(([name, [wire, dims]]) => {
      const { config } = DATATYPES.find(row => row.wire === wire)!;
      return `${side} { name: "${name}" data_type: ${config} dims: [ ${dims.join(", ")} ] }\n`;
    })
    .join("");

/** Merlon runs `model.mjs`, Triton ignores the parameter. */
const STANDS_IN = `parameters { key: "merlon_stand_in" value { string_value: "model.mjs" } }\n`;

/** @param names which of the models; all by default */
export function contractRepository(folder: string, names = Object.keys(MODELS)): string {
  for (const name of names) {
    const { inputs, outputs, more = "" } = MODELS[name]!;
    write(
      folder,
      `${name}/config.pbtxt`,
      `backend: "python"\n${STANDS_IN}${tensors("input", inputs)}${tensors("output", outputs)}${more}\n`,
    );
    write(folder, `${name}/1/model.py`, PYTHON);
    write(folder, `${name}/1/model.mjs`, JAVASCRIPT);
  }
  return folder;
}

/** MLServer has no FP16 bits of its own, no BF16, no decoupled models, no sequences; what it has it echoes. */
const MLSERVER = `import asyncio

from mlserver import MLModel
from mlserver.errors import InferenceError
from mlserver.types import InferenceResponse, ResponseOutput


class Model(MLModel):
    async def predict(self, payload):
        name = self.name
        if name == "fail":
            raise InferenceError("the oven is cold")
        if name == "slow":
            await asyncio.sleep(payload.inputs[0].data[0] / 1000)
        outputs = [
            ResponseOutput(name=f"OUTPUT{i}", datatype=one.datatype, shape=one.shape, data=one.data, parameters=one.parameters)
            for i, one in enumerate(payload.inputs)
        ]
        return InferenceResponse(model_name=name, model_version=self.version, id=payload.id, outputs=outputs)
`;

export function mlserverRepository(
  folder: string,
  names: readonly string[],
  ports: Readonly<Record<string, number>>,
): string {
  write(folder, "settings.json", JSON.stringify({ host: "127.0.0.1", parallel_workers: 0, ...ports }));
  write(folder, "models.py", MLSERVER);
  for (const name of names) {
    const { inputs, outputs, more } = MODELS[name]!;
    const front = more?.includes("max_batch_size") ? [-1] : [];
    const list = (all: Shape["inputs"]) =>
      Object.entries(all).map(([tensor, [datatype, shape]]) => ({
        name: tensor,
        datatype,
        shape: [...front, ...shape],
      }));
    const settings = {
      name,
      implementation: "models.Model",
      parameters: { version: "1" },
      inputs: list(inputs),
      outputs: list(outputs),
    };
    write(folder, `${name}/model-settings.json`, JSON.stringify(settings));
  }
  return folder;
}
