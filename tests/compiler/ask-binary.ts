// One request over HTTP with binary tensors both ways: what is answered is compared to the byte, NaN included.
import type { Tensor } from "#runtime/base/tensor.js";

/** Outputs as `name → [datatype, shape, bytes]`, or the error's text. */
export type Answer =
  | Readonly<Record<string, readonly [string, readonly number[], string]>>
  | { readonly error: string };

export async function askBinary(
  port: number,
  model: string,
  tensors: readonly Tensor[],
  parameters: Readonly<Record<string, unknown>> = {},
  outputs?: readonly string[],
): Promise<Answer> {
  const head = JSON.stringify({
    parameters: { ...parameters, binary_data_output: true },
    ...(outputs && { outputs: outputs.map(name => ({ name, parameters: { binary_data: true } })) }),
    inputs: tensors.map(({ name, datatype, shape, data }) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: data.byteLength },
    })),
  });
  const response = await fetch(`http://127.0.0.1:${port}/v2/models/${model}/infer`, {
    method: "POST",
    headers: { "Inference-Header-Content-Length": String(Buffer.byteLength(head)) },
    body: Buffer.concat([Buffer.from(head), ...tensors.map(t => t.data)]),
  });
  const body = Buffer.from(await response.arrayBuffer());
  if (!response.ok) return { error: (JSON.parse(body.toString()) as { error: string }).error };
  const length = Number(response.headers.get("inference-header-content-length") ?? body.byteLength);
  const answer = JSON.parse(body.subarray(0, length).toString()) as {
    outputs: { name: string; datatype: string; shape: number[]; parameters: { binary_data_size: number } }[];
  };
  let at = length;
  return Object.fromEntries(
    answer.outputs
      .map(({ name, datatype, shape, parameters: { binary_data_size: size } }) => {
        at += size;
        return [name, [datatype, shape, body.subarray(at - size, at).toString("hex")]] as const;
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
