/**
 * A hand-written Node service as a reference: a bare @grpc/grpc-js server around the program written by hand. Its messages are loaded with
 * @grpc/proto-loader as in grpc-js' own guide. Prints its port.
 *
 *     node raw-server.mjs FOLDER INDEX TOPK STORE SEARCH
 */
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { openProgram } from "./raw-program.mjs";

const [folder, index, topk, store, search] = process.argv.slice(2);
const PROTO = fileURLToPath(new URL("../../../triton-protos/proto/grpc_service.proto", import.meta.url));
const { inference } = grpc.loadPackageDefinition(loadSync(PROTO, { keepCase: true }));
const program = await openProgram(folder, { index, topk: Number(topk), store, search });

const bytesOf = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);

async function infer({ model_name, id, raw_input_contents: [bytes] }) {
  const users = Int32Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readInt32LE(8 * i));
  const { ids, scores } = await program.recommend(users);
  const shape = [users.length, ids.length / users.length];
  const outputs = [
    { name: "ordered_ids", datatype: "INT64", shape },
    { name: "ordered_scores", datatype: "FP32", shape },
  ];
  return { model_name, model_version: "1", id, outputs, raw_output_contents: [bytesOf(ids), bytesOf(scores)] };
}

const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
server.addService(inference.GRPCInferenceService.service, {
  ModelInfer({ request }, answer) {
    infer(request).then(
      response => answer(null, response),
      error => answer({ code: grpc.status.INTERNAL, details: String(error) }),
    );
  },
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
