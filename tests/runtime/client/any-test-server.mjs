/**
 * `merlon/testing` on any runtime: serves a model written here, calls it over HTTP and gRPC, makes it fail, and ends. Prints what it saw as
 * JSON.
 */
import { connect } from "merlon/client";
import { createTestServer } from "merlon/testing";

const server = await createTestServer({
  models: {
    double: {
      inputs: { X: "FP32[-1]" },
      outputs: { Y: "FP32[-1]" },
      answer: ({ inputs }) => ({ Y: inputs.X.data.map(value => 2 * value) }),
    },
  },
});
const seen = {};
for (const [name, url] of [
  ["http", server.http],
  ["grpc", `grpc://${server.grpc}`],
]) {
  const client = await connect(url);
  const { Y } = await client.infer("double", { X: [1.5, -2] });
  seen[name] = Array.from(Y.data);
  server.model("double").fail({ error: { code: "UNAVAILABLE", message: "not now" } });
  seen[`${name}Fault`] = await client.infer("double", { X: [1] }).catch(error => error.code);
  server.reset();
  await client.close();
}
await server.close();
console.log(JSON.stringify(seen));
