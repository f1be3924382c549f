/**
 * Warm-up: what the log says of it, and that a sample which fails keeps its version from loading. Texts are a real Triton's (2.51) for the
 * same requests; its warm-up suite looks for them.
 */
import { expect, test } from "vitest";
import { repository, startServer } from "../support.js";

const config = (name: string): string => `name: "${name}" backend: "javascript" max_batch_size: 8
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 2 ] } ] output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 2 ] } ] instance_group [ { count: 2 } ]
model_warmup [ { name: "zero sample" batch_size: 2 count: 2 inputs { key: "IN" value { data_type: TYPE_FP32 dims: [ 2 ] zero_data: true } } } ]`;

test("each run is reported; errors of the responses are errors of the sample", async () => {
  const files = {
    "good/config.pbtxt": config("good"),
    "good/1/model.mjs": `export const execute = requests => requests.map(({ inputs }) => ({ outputs: [{ ...inputs.IN, name: "OUT" }] }));`,
    "bad/config.pbtxt": config("bad"),
    "bad/1/model.mjs": `export const execute = requests => requests.map(() => ({ error: "An Error Occurred" }));`,
  };
  const log = { info: true, warning: true, error: true, verbose: 1, format: "default" } as const;
  const server = await startServer(repository([], files), { exitOnError: false, log });
  try {
    const index = (await server.post("/v2/repository/index", {})).body as { name: string; reason?: string }[];
    expect(index.find(({ name }) => name === "bad")?.reason).toBe(
      "Invalid argument: failed to run warmup sample 'zero sample': An Error Occurred; An Error Occurred; ",
    );
    const told = server.log.join("");
    for (const run of ["good_0_0", "good_0_1"])
      for (const iteration of [1, 2])
        expect(told).toContain(
          `"model 'good' instance ${run} is running warmup sample 'zero sample' for iteration ${iteration}"`,
        );
    expect(told).toContain(`"model 'bad' instance bad_0_0 failed to run warmup sample 'zero sample'"`);
  } finally {
    await server.stop();
  }
});
