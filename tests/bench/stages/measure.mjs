/** Calls, some in flight, for a while → milliseconds and calls a second; and a client of one model that does little work itself. */
import * as grpc from "@grpc/grpc-js";
import { decode, encode } from "../../../dist/triton-protos/proto-root.js";
import { quantile, sorted } from "../../stress/figures.mjs";

/** @param call gets the number of the call */
export async function measure(call, inFlight, seconds, warmUp = 20) {
  for (let i = 0; i < warmUp; i++) await call(i);
  const times = [];
  const end = performance.now() + seconds * 1000;
  const loop = async first => {
    for (let i = first; performance.now() < end || times.length < 5; i += inFlight) {
      const started = performance.now();
      await call(i);
      times.push(performance.now() - started);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, (_, i) => loop(i)));
  const rate = times.length / ((performance.now() - started) / 1000);
  return { ...quantiles(times), rate };
}

export function quantiles(times) {
  const all = sorted(times);
  return { p50: quantile(all, 0.5), p99: quantile(all, 0.99) };
}

/** Requests for `batch` users each; bytes in, bytes out. */
export function client(port, model, batch, users, parameters = {}) {
  const channel = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
  });
  const requests = Array.from({ length: 50 }, (_, i) => {
    const ids = BigInt64Array.from({ length: batch }, (_, j) => BigInt(1 + ((i * 37 + j * 11) % users)));
    const inputs = [{ name: "user_id", datatype: "INT64", shape: [batch, 1] }];
    return Buffer.from(
      encode("inference.ModelInferRequest", {
        model_name: model,
        inputs,
        parameters,
        raw_input_contents: [new Uint8Array(ids.buffer)],
      }),
    );
  });
  const same = bytes => bytes;
  const call = i =>
    new Promise((resolve, reject) =>
      channel.makeUnaryRequest(
        "/inference.GRPCInferenceService/ModelInfer",
        same,
        same,
        requests[i % requests.length],
        (error, answer) => (error ? reject(error) : resolve(answer)),
      ),
    );
  const read = async i => decode("inference.ModelInferResponse", await call(i));
  return { call, read, close: () => channel.close() };
}
