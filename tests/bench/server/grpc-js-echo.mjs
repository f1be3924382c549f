/**
 * The yardstick: a bare @grpc/grpc-js server whose ModelInfer answers the raw contents it was sent, and does nothing else. The messages are
 * loaded with @grpc/proto-loader, as grpc-js' own guide does. Prints its port.
 */
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const PROTO = fileURLToPath(new URL("../../../triton-protos/proto/grpc_service.proto", import.meta.url));
const { inference } = grpc.loadPackageDefinition(loadSync(PROTO, { keepCase: true }));
const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
server.addService(inference.GRPCInferenceService.service, {
  ModelInfer({ request: { model_name, id, inputs, raw_input_contents } }, answer) {
    const outputs = inputs.map(({ datatype, shape }, i) => ({ name: `OUTPUT${i}`, datatype, shape }));
    answer(null, { model_name, model_version: "1", id, outputs, raw_output_contents: raw_input_contents });
  },
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
