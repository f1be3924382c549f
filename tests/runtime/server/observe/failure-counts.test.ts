/**
 * Failed requests in the metrics: they are counted even if no scrape happened before the model left, as in Triton, whose counters live on.
 */
import { expect, test } from "vitest";
import { repository, startServer } from "../support.js";

const config = `name: "m" backend: "javascript"
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 1 ] } ] output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 1 ] } ]`;

test("failures outlive an unload and go on with the next load", async () => {
  const server = await startServer(
    repository([], {
      "m/config.pbtxt": config,
      "m/1/model.mjs": `export const execute = () => { throw new Error("no"); };`,
    }),
    { modelControlMode: "explicit", loadModels: ["m"] },
  );
  const fail = async (): Promise<void> => {
    const inputs = [{ name: "IN", datatype: "FP32", shape: [1], data: [1] }];
    expect((await server.post("/v2/models/m/infer", { inputs })).status).toBe(500);
  };
  const failures = async (): Promise<string[]> => {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    return text.split("\n").filter(line => line.startsWith("nv_inference_request_failure{") && /BACKEND/.test(line));
  };
  const counted = (count: number): string =>
    `nv_inference_request_failure{model="m",reason="BACKEND",version="1"} ${count}`;
  try {
    await fail();
    await server.post("/v2/repository/models/m/unload", {});
    expect(await failures()).toEqual([counted(1)]);
    await server.post("/v2/repository/models/m/load", {});
    await fail();
    expect(await failures()).toEqual([counted(2)]);
    await fail();
    await server.post("/v2/repository/models/m/unload", {});
    expect(await failures()).toEqual([counted(3)]);
  } finally {
    await server.stop();
  }
});
