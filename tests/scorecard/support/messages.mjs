/**
 * Requests as bytes: good ones for both protocols, and protobuf written field by field where a message is to be odd.
 */
import { encode } from "../../../dist/triton-protos/proto-root.js";
import { framed, grpcHead } from "./http2-client.mjs";

export const INFER_PATH = "/inference.GRPCInferenceService/ModelInfer";
export const INFER_HEAD = grpcHead(INFER_PATH);

export function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** A length-delimited field. */
export const field = (number, bytes) => {
  const content = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(content.length), content]);
};

const tensor = values => ({ name: "INPUT0", datatype: "INT32", shape: [1, values.length] });

/** A request of `echo_int32` over gRPC, with its prefix. */
export const grpcEcho = (values, model = "echo_int32") =>
  framed(
    Buffer.from(
      encode("inference.ModelInferRequest", {
        model_name: model,
        inputs: [tensor(values)],
        raw_input_contents: [Buffer.from(Int32Array.from(values).buffer)],
      }),
    ),
  );

/** The same as JSON. */
export const jsonEcho = values => Buffer.from(JSON.stringify({ inputs: [{ ...tensor(values), data: [...values] }] }));

/** A request of the ONNX model `calc_fp32` over gRPC: left + right and left - right. */
export const grpcCalc = (left, right) =>
  framed(
    Buffer.from(
      encode("inference.ModelInferRequest", {
        model_name: "calc_fp32",
        inputs: ["LEFT", "RIGHT"].map(name => ({ name, datatype: "FP32", shape: [1, 4] })),
        raw_input_contents: [left, right].map(values => Buffer.from(Float32Array.from(values).buffer)),
      }),
    ),
  );

export const jsonCalc = (left, right) =>
  Buffer.from(
    JSON.stringify({
      inputs: [
        { name: "LEFT", datatype: "FP32", shape: [1, 4], data: left },
        { name: "RIGHT", datatype: "FP32", shape: [1, 4], data: right },
      ],
    }),
  );
