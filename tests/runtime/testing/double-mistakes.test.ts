/** A double that answers what the real one cannot fails its test, also where the service under test swallows the error. */
import { expect, test } from "vitest";
import { createTestServer } from "#runtime/testing/create-test-server.js";
import { defineModel } from "#runtime/testing/define-model.js";

const models = {
  double: defineModel({
    inputs: { x: "FP32[-1]" },
    outputs: { y: "FP32[-1]" },
    answer: ({ inputs }) => ({ y: inputs.x.data }),
  }),
};
const ask = (server: Awaited<ReturnType<typeof createTestServer>>) => server.infer("double", { x: [1, 2] });
const open = () => createTestServer({ models });

test.each([
  ["name", { z: [1] }, /double of model 'double'.*z/s],
  ["dtype", { y: ["text"] }, /double of model 'double'.*y/s],
  ["shape", { y: { shape: [3], data: [1, 2] } }, /double of model 'double'.*y/s],
])("a wrong %s fails `reset`, once, and not the end after it", async (_, answer, reason) => {
  const server = await open();
  server.model("double").replace((() => answer) as never);
  await expect(ask(server as never)).rejects.toThrow();
  expect(() => server.reset()).toThrow(reason);
  expect(() => server.reset()).not.toThrow();
  expect(await ask(server as never)).toMatchObject({ y: { shape: [2] } });
  await server.close();
});

test("and it fails the end of the server, which ends all the same", async () => {
  const server = await open();
  server.model("double").replace((() => ({ z: [1] })) as never);
  for (let i = 0; i < 100; i++) await expect(ask(server as never)).rejects.toThrow();
  await expect(server.close()).rejects.toThrow(
    /^A double answered what the real one cannot:\n {2}the double of model 'double'.*$/,
  );
  await expect(fetch(`${server.http}/v2/health/live`)).rejects.toThrow();
});

test("an error that a double throws is what it is to do", async () => {
  const server = await open();
  server.model("double").replace(() => {
    throw new Error("out of order");
  });
  await expect(ask(server as never)).rejects.toThrow("out of order");
  server.reset();
  await server.close();
});
