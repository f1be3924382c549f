/** Calls `onnx_triton.py`, which runs a repository over the ONNX Runtime of a Triton release by its configurations alone. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Tensor } from "#runtime/base/tensor.js";
import { python } from "../../../needs/python.js";
import type { Answer } from "../../ask-binary.js";

export interface OnnxTriton {
  /** Version of ONNX Runtime. */
  readonly version: string;
  /** @throws Error for a configuration, or a tensor between two models, that Triton would refuse */
  ask(repository: string, model: string, tensors: readonly Tensor[]): Promise<Answer>;
  stop(): void;
}

type Said =
  | { readonly outputs: Record<string, readonly [string, readonly number[], string]> }
  | { readonly refused: string }
  | { readonly error: string };

export async function startOnnxTriton(): Promise<OnnxTriton> {
  const child = spawn(python(), [join(import.meta.dirname, "onnx_triton.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done) throw new Error("onnx_triton.py has ended.");
    return JSON.parse(line.value);
  };
  const { onnxruntime } = (await next()) as { onnxruntime: string };
  let turn: Promise<unknown> = Promise.resolve();
  const exchange = (request: unknown): Promise<Said> => {
    const answered = turn.then(() => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return next() as Promise<Said>;
    });
    turn = answered.catch(() => {});
    return answered;
  };
  return {
    version: onnxruntime,
    ask: async (repository, model, tensors) => {
      const inputs = Object.fromEntries(
        tensors.map(({ name, datatype, shape, data }) => [
          name,
          { dtype: datatype, shape, hex: Buffer.from(data).toString("hex") },
        ]),
      );
      const said = await exchange({ repository, model, inputs });
      if ("refused" in said) throw new Error(`Triton refuses ${repository}: ${said.refused}`);
      if ("error" in said) return said;
      return Object.fromEntries(Object.entries(said.outputs).sort(([a], [b]) => (a < b ? -1 : 1)));
    },
    stop: () => void child.kill(),
  };
}
