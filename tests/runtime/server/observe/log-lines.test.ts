/**
 * The subject of Triton's logging suite: the log's file, and a line for each HTTP request when the log is verbose. Values of a real Triton
 * (2.51).
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository, startServer } from "../support.js";

test("the settings name the log's file, and a verbose log names each request", async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), "merlon-log-")), "server.log");
  const log = { info: true, warning: true, error: true, verbose: 1, format: "default" } as const;
  const server = await startServer(repository(["echo_int32"]), { logFile, log });
  const requests = () => readFileSync(logFile, "utf8").match(/"HTTP request: \d \/v2\/logging"/g);
  try {
    expect((await server.json("/v2/logging")).body).toMatchObject({ log_file: logFile, log_verbose_level: 1 });
    await server.post("/v2/logging", { log_verbose_level: 0 });
    await server.json("/v2/logging");
  } finally {
    await server.stop();
  }
  expect(requests()).toEqual(['"HTTP request: 0 /v2/logging"', '"HTTP request: 2 /v2/logging"']);
});

const texts = (log: readonly string[], pattern: RegExp): string[] =>
  log.filter(line => pattern.test(line)).map(line => line.replace(/^.*?\] /, "").trim());

test("loads and unloads are in the log", async () => {
  const two =
    'backend: "identity" input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] } ] instance_group [ { count: 2 kind: KIND_CPU } ]';
  const folder = repository(["echo_optional"], { "two/config.pbtxt": two, "two/1/.keep": "" });
  const server = await startServer(folder, { modelControlMode: "explicit" });
  try {
    for (const name of ["echo_optional", "two"]) await server.post(`/v2/repository/models/${name}/load`, {});
    await server.post("/v2/repository/models/two/unload", {});
    await expect.poll(() => texts(server.log, /successfully unloaded/)).toHaveLength(1);
  } finally {
    await server.stop();
  }
  expect(texts(server.log, /model_lifecycle/).slice(0, 5)).toEqual([
    `"loading: echo_optional:1"`,
    `"successfully loaded 'echo_optional'"`,
    `"loading: two:1"`,
    `"successfully loaded 'two'"`,
    `"successfully unloaded 'two' version 1"`,
  ]);
});

// The words that qa/L0_simple_ensemble searches for.
test("an ensemble names its limit when it loads, and an output that no member produced when the log is verbose", async () => {
  const bounded = `platform: "ensemble"
    input [ { name: "A" data_type: TYPE_INT32 dims: [1] } ]
    output [ { name: "C" data_type: TYPE_INT32 dims: [1] }, { name: "D" data_type: TYPE_INT32 dims: [1] } ]
    ensemble_scheduling { max_inflight_requests: 4 step [ { model_name: "half" model_version: -1
      input_map { key: "IN" value: "A" } output_map { key: "X" value: "C" } output_map { key: "Y" value: "D" } } ] }`;
  const half = `backend: "javascript" input [ { name: "IN" data_type: TYPE_INT32 dims: [1] } ]
    output [ { name: "X" data_type: TYPE_INT32 dims: [1] }, { name: "Y" data_type: TYPE_INT32 dims: [1] } ]`;
  const model = `export const execute = requests => requests.map(({ inputs }) => ({ outputs: [{ ...inputs.IN, name: "X" }] }));`;
  const folder = repository([], {
    ...{ "bounded/config.pbtxt": bounded, "bounded/1/.keep": "" },
    ...{ "half/config.pbtxt": half, "half/1/model.mjs": model },
  });
  const log = { info: true, warning: true, error: true, verbose: 1, format: "default" } as const;
  const server = await startServer(folder, { log });
  const input = { name: "A", datatype: "INT32", shape: [1], data: [3] };
  try {
    const answer = await server.post("/v2/models/bounded/infer", { inputs: [input] });
    expect(answer).toMatchObject({ status: 200, body: { outputs: [{ name: "C", data: [3] }] } });
  } finally {
    await server.stop();
  }
  expect(texts(server.log, /ensemble_scheduler/)).toEqual([
    `"Ensemble model 'bounded' configured with max_inflight_requests: 4"`,
    `"Composing models did not output tensor D"`,
  ]);
});

// The lines that qa/L0_lifecycle searches for (test_shutdown_sequence); their order is that of a Triton 2.73.
test("a server that stops names the models that have sequences, and counts models until the last is unloaded", async () => {
  const sum = `backend: "sequence" max_batch_size: 4
sequence_batching { max_sequence_idle_microseconds: 60000000 control_input [
  { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } ] },
  { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [0, 1] } ] } ] }
input [ { name: "INPUT" data_type: TYPE_INT32 dims: [1] } ]
output [ { name: "OUTPUT" data_type: TYPE_INT32 dims: [1] } ]`;
  const server = await startServer(repository(["echo_int32"], { "sum/config.pbtxt": sum, "sum/1/.keep": "" }));
  const ask = (parameters: Readonly<Record<string, unknown>>) =>
    server.post("/v2/models/sum/infer", {
      parameters,
      inputs: [{ name: "INPUT", shape: [1, 1], datatype: "INT32", data: [1] }],
    });
  for (const sequence_id of [1, 2, 3]) expect((await ask({ sequence_id, sequence_start: true })).status).toBe(200);
  expect((await ask({ sequence_id: 3, sequence_end: true })).status).toBe(200);
  await server.stop();
  expect(texts(server.log, / server\.ts:0\] "/).map(masked)).toEqual([
    `"Waiting for in-flight requests to complete."`,
    `"Timeout N: Found 1 model versions that have in-flight inferences"`,
    `"Model 'sum' (version 1) has 2 in-flight inferences"`,
    `"All models are stopped, unloading models"`,
    `"Timeout N: Found 2 live models and 0 in-flight non-inference requests"`,
    `"Timeout N: Found 0 live models and 0 in-flight non-inference requests"`,
  ]);
});

const masked = (line: string): string => line.replace(/Timeout \d+/, "Timeout N");
