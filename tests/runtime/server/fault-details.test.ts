/** Faults whose text is Triton's and names nothing: a header, a trailer and the log say which input and which element. */

import * as grpc from "@grpc/grpc-js";
import { afterAll, expect, test } from "vitest";
import { encode } from "#triton-protos/proto-root.js";
import { repository, startServer } from "./support.js";

const config = (name: string, type: string): string =>
  `name: "${name}" backend: "identity" max_batch_size: 4 input [ { name: "INPUT0" data_type: TYPE_${type} dims: [ 1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_${type} dims: [ 1 ] } ]`;
const server = await startServer(
  repository([], {
    "whole/config.pbtxt": config("whole", "INT64"),
    "whole/1/.keep": "",
    "text/config.pbtxt": config("text", "STRING"),
    "text/1/.keep": "",
  }),
  { log: { verbose: 1 } },
);
afterAll(() => server.stop());

const send = async (model: string, datatype: string, data: string, shape = [2, 1]) => {
  const body = `{"inputs":[{"name":"INPUT0","datatype":"${datatype}","shape":[${shape.join(",")}],"data":${data}}]}`;
  const response = await fetch(`${server.http}/v2/models/${model}/infer`, { method: "POST", body });
  return { error: ((await response.json()) as { error: string }).error, detail: response.headers.get("merlon-detail") };
};

const SIGNED = "Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer";

test.each([
  ['[1, "2"]', SIGNED, "element 1 of input 'INPUT0' is a string; its datatype is INT64"],
  ["[1.5, 2]", SIGNED, "element 0 of input 'INPUT0' is a number with a fraction or an exponent; its datatype is INT64"],
  [
    "[1, 9223372036854775808]",
    SIGNED,
    "element 1 of input 'INPUT0' is an integer of 2^63 or more; its datatype is INT64",
  ],
  ["[null, 1]", SIGNED, "element 0 of input 'INPUT0' is null or an object; its datatype is INT64"],
  ["[[true], [1]]", SIGNED, "element 0 of input 'INPUT0' is a boolean; its datatype is INT64"],
  ["7", "Unable to parse 'data': attempt to access JSON non-array as array", "`data` of input 'INPUT0' is not a list"],
  [
    "[1]",
    "Failed to parse 'data' field: shape does not match true shape",
    "`data` of input 'INPUT0' has 1 elements; its shape has 2",
  ],
])("an INT64 input with %s", async (data, error, detail) => {
  expect(await send("whole", "INT64", data)).toEqual({ error, detail });
  expect(server.log.some(line => line.includes(`Infer failed: ${error} (${detail})`))).toBe(true);
});

test("a string that is none, and a batch without rows, of numbers and of strings", async () => {
  expect((await send("text", "BYTES", '["a", 7]')).detail).toBe(
    "element 1 of input 'INPUT0' is an integer; its datatype is BYTES",
  );
  const detail = "input 'INPUT0' has no rows: its shape is [0,1]; a batch has one row at least";
  const none = await send("whole", "INT64", "[]", [0, 1]);
  expect(none).toEqual({ error: expect.stringContaining("Expected 8, got 0"), detail });
  expect((await send("text", "BYTES", "[]", [0, 1])).detail).toBe(detail);
  // A fault that names its thing has no header.
  expect((await send("whole", "FP32", "[1, 2]")).detail).toBeNull();
});

test("a trailer of gRPC has it", async () => {
  const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  const request = encode("inference.ModelInferRequest", {
    model_name: "whole",
    inputs: [{ name: "INPUT0", datatype: "INT64", shape: [0, 1] }],
    raw_input_contents: [Buffer.alloc(0)],
  });
  const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
  const fault = await new Promise<grpc.ServiceError>((resolve, reject) =>
    client.makeUnaryRequest("/inference.GRPCInferenceService/ModelInfer", same, same, request, error =>
      error ? resolve(error) : reject(new Error("it responded")),
    ),
  );
  client.close();
  expect(fault.metadata.get("merlon-detail")).toEqual([
    "input 'INPUT0' has no rows: its shape is [0,1]; a batch has one row at least",
  ]);
});
