/** An ensemble over a workflow that takes rows away: what is left is answered, and it says of which request row it is. */
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { packStrings } from "#runtime/base/strings.js";
import { messageType } from "#triton-protos/proto-root.js";
import { startServer } from "../server/support.js";
import { inFolder } from "./run-workflow.js";

const PROGRAM = join(import.meta.dirname, "../../samples/ensemble-changes-rows/main.ensemble.ts");

interface Answer {
  readonly outputs: readonly { readonly name: string }[];
  readonly raw_output_contents: readonly Buffer[];
}

function infer(port: number, request: object): Promise<Answer> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const [asked, answered] = [messageType("inference.ModelInferRequest"), messageType("inference.ModelInferResponse")];
  return new Promise<Answer>((resolve, reject) =>
    client.makeUnaryRequest<Buffer, Answer>(
      "/inference.GRPCInferenceService/ModelInfer",
      bytes => bytes,
      bytes => answered.toObject(answered.decode(bytes), { defaults: true }) as Answer,
      Buffer.from(asked.encode(asked.fromObject(request)).finish()),
      (error, value) => (error ? reject(error) : resolve(value!)),
    ),
  ).finally(() => client.close());
}

const bytes = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

test("the rows that dropna leaves are answered, with the offsets of the request's rows", async () => {
  await inFolder(async folder => {
    const compiled = await compile(PROGRAM);
    if (!compiled.ok) throw new Error("the sample does not compile");
    build(compiled, join(folder, "repository"));
    const server = await startServer(join(folder, "repository"));
    try {
      const answer = await infer(server.ports.grpc!, {
        model_name: "kept",
        inputs: [
          { name: "item_id", datatype: "INT64", shape: [3] },
          { name: "price", datatype: "FP32", shape: [3] },
          { name: "brand", datatype: "BYTES", shape: [3] },
        ],
        raw_input_contents: [
          bytes(BigInt64Array.of(7n, 8n, 9n)),
          bytes(Float32Array.of(1.5, Number.NaN, 2.5)),
          packStrings(["a", "b", "zz"]),
        ],
      });
      const of = (name: string): Buffer =>
        Buffer.from(answer.raw_output_contents[answer.outputs.findIndex(output => output.name === name)]!);
      const ids = of("item_id__values");
      expect([ids.readBigInt64LE(0), ids.readBigInt64LE(8), ids.length]).toEqual([7n, 9n, 16]);
      const offsets = of("item_id__offsets");
      expect([0, 4, 8, 12].map(at => offsets.readInt32LE(at))).toEqual([0, 1, 1, 2]);
      expect(of("brand__values").readBigInt64LE(8)).toBe(2n);
    } finally {
      await server.stop();
    }
  });
});
