// The client under Node, Bun and Deno: `RUNTIME any-runtime.mjs grpc://… http://…` calls a server of the contract's models with each
// runtime's own sockets, fetch, streams, timers and signals. It ends with a line of JSON: the results by protocol. A failed expectation
// ends the process.
import assert from "node:assert/strict";
import { connect } from "../../../dist/runtime/client/index.js";

const seen = {};
for (const url of process.argv.slice(2)) {
  const protocol = url.split(":")[0];
  const client = await connect(url, { deadline: 20_000 });
  assert.equal(await client.isServerReady(), true);
  assert.equal(await client.isModelReady("nothing"), false);
  const metadata = await client.modelMetadata("two");
  assert.deepEqual(
    metadata.inputs.map(input => [input.name, input.datatype]),
    [
      ["INPUT0", "INT32"],
      ["INPUT1", "BYTES"],
    ],
  );

  for (const [model, values] of [
    ["echo_int64", [-9223372036854775808n, 9223372036854775807n]],
    ["echo_fp32", [0, -1.5, 2 ** -149]],
    ["echo_fp16", [0, 65504, Number.POSITIVE_INFINITY]],
    ["echo_bytes", ["", "naïve ☃", "x".repeat(300)]],
  ]) {
    const { OUTPUT0 } = await client.infer(model, { INPUT0: values });
    assert.deepEqual([...OUTPUT0.data], values);
  }
  const two = await client.answer("two", { INPUT0: [1, 2], INPUT1: ["a"] }, { requestId: "r-7" });
  assert.deepEqual([two.id, [...two.outputs.OUTPUT0.data]], ["r-7", [1, 2]]);

  // Larger than every window and buffer in between.
  const large = Float32Array.from({ length: 4_000_000 }, (_, i) => i);
  const back = (await client.infer("echo_fp32", { INPUT0: large })).OUTPUT0.data;
  assert.equal(back.length, large.length);
  assert.equal(back[3_999_999], 3_999_999);

  const many = await Promise.all(Array.from({ length: 200 }, (_, i) => client.infer("echo_int64", { INPUT0: [i] })));
  assert.deepEqual(
    many.map(({ OUTPUT0 }) => Number(OUTPUT0.data[0])),
    Array.from({ length: 200 }, (_, i) => i),
  );

  await assert.rejects(client.infer("nothing", { X: [1] }), error => error.code === "NOT_FOUND");
  const streamed = [];
  for await (const { outputs } of client.stream("count", { INPUT0: [3] }))
    if (outputs.OUTPUT0) streamed.push(Number(outputs.OUTPUT0.data[0]));
  const soon = AbortSignal.abort(new Error("enough"));
  await assert.rejects(
    client.infer("two", { INPUT0: [1], INPUT1: ["a"] }, { signal: soon }),
    error => error.name === "AbortError",
  );
  await client.close();
  const gone = await connect(`${protocol}://127.0.0.1:1`, { connectTimeout: 2000 });
  await assert.rejects(gone.infer("two", { INPUT0: [1], INPUT1: ["a"] }), error => error.code === "UNAVAILABLE");
  await gone.close();
  seen[protocol] = { streamed, answers: many.length };
}
console.log(JSON.stringify(seen));
