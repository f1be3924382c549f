/** Runs a graph by `python_onnx.py`, which has the ONNX Runtime of a Triton release, and ONNX's own checks. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as ort from "onnxruntime-node";
import { python } from "../../../needs/python.js";

type Tensors = Readonly<Record<string, ort.Tensor>>;

export interface PythonOnnx {
  /** @throws Error for a graph that a check has something against, and for a request that ends in a fault */
  run(onnx: Uint8Array, feeds: Tensors): Promise<Tensors>;
  stop(): void;
}

interface Said {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly hex?: string;
  readonly texts?: readonly string[];
}

export function startPythonOnnx(): PythonOnnx {
  const child = spawn(python(), [join(import.meta.dirname, "python_onnx.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const sent = new Set<string>();
  return {
    run: async (onnx, feeds) => {
      const graph = createHash("sha256").update(onnx).digest("hex");
      const inputs = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, say(tensor)]));
      const bytes = sent.has(graph) ? {} : { onnx: Buffer.from(onnx).toString("base64") };
      sent.add(graph);
      child.stdin.write(`${JSON.stringify({ graph, inputs, ...bytes })}\n`);
      const line = await lines.next();
      if (line.done) throw new Error("python_onnx.py has ended.");
      const said = JSON.parse(line.value) as { outputs: Record<string, Said> } | { error: string };
      if ("error" in said) throw new Error(said.error);
      return Object.fromEntries(Object.entries(said.outputs).map(([name, tensor]) => [name, hear(tensor)]));
    },
    stop: () => void child.kill(),
  };
}

function say({ type, dims: shape, data }: ort.Tensor): Said {
  if (type === "string") return { dtype: type, shape, texts: data as string[] };
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  return { dtype: type, shape, hex: Buffer.from(buffer, byteOffset, byteLength).toString("hex") };
}

const ARRAYS = {
  bool: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

function hear({ dtype, shape, hex = "", texts }: Said): ort.Tensor {
  if (texts) return new ort.Tensor("string", [...texts], shape);
  const type = dtype as keyof typeof ARRAYS;
  const values = new ARRAYS[type](Uint8Array.from(Buffer.from(hex, "hex")).buffer);
  return new ort.Tensor(type as "float32", values as Float32Array, shape);
}
