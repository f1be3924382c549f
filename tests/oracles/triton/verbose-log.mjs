/**
 * Sends good and bad requests to a Triton whose log is verbose and keeps what it logs of each.
 *
 *   npx tsc -b && node tests/oracles/triton/verbose-log.mjs "TRITONSERVER --backend-directory=FOLDER"
 *
 * TRITONSERVER is one of 2.73, built with HTTP, gRPC and the identity back end. Writes `tests/fixtures/verbose-log/requests.json`.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "#conformance/free-ports.js";
import { grpcClient, sendGrpc } from "#conformance/send-grpc.js";

const [command] = process.argv.slice(2);
const OUT = fileURLToPath(new URL("../../fixtures/verbose-log/requests.json", import.meta.url));

const FP32 = (data, shape = [1, 1], name = "INPUT0") => ({ name, datatype: "FP32", shape, data });
const contents = ({ data, ...tensor }) => ({ ...tensor, contents: { fp32_contents: data } });

const tensors = type => `input [ { name: "INPUT0" data_type: ${type} dims: [1] } ]
output [ { name: "OUTPUT0" data_type: ${type} dims: [1] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]`;
const MODELS = {
  same: `backend: "identity" max_batch_size: 4 ${tensors("TYPE_FP32")}`,
  plain: `backend: "identity" ${tensors("TYPE_FP32").replaceAll("dims: [1]", "dims: [2] reshape { shape: [1, 2] }")}`,
  // The first request is computed, the next waits, and the third is refused.
  full: `backend: "identity" max_batch_size: 1 ${tensors("TYPE_FP32")}
parameters [ { key: "execute_delay_ms" value { string_value: "800" } } ]
dynamic_batching { default_queue_policy { max_queue_size: 1 } }`,
  // The member's requests are logged as the ensemble's are.
  both: `platform: "ensemble" max_batch_size: 4 input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [1] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [1] } ]
ensemble_scheduling { step [ { model_name: "same" model_version: -1 input_map { key: "INPUT0" value: "INPUT0" }
output_map { key: "OUTPUT0" value: "OUTPUT0" } } ] }`,
  // The second request waits longer than it may.
  late: `backend: "identity" max_batch_size: 1 ${tensors("TYPE_FP32")}
parameters [ { key: "execute_delay_ms" value { string_value: "400" } } ]
dynamic_batching { default_queue_policy { default_timeout_microseconds: 200000 } }`,
  many: `backend: "identity" max_batch_size: 4 ${tensors("TYPE_FP32")} model_transaction_policy { decoupled: true }`,
};

const http = (path, body) => ({ protocol: "http", path, body: typeof body === "string" ? body : JSON.stringify(body) });
const unary = request => ({ protocol: "grpc", request });
const stream = request => ({ protocol: "stream", request });
const grpcOf = ({ inputs, outputs, ...rest }, model) => ({
  model_name: model,
  ...rest,
  inputs: inputs.map(contents),
  ...(outputs && { outputs }),
});
const everyWay = (model, body) => [
  http(`/v2/models/${model}/infer`, body),
  unary(grpcOf(body, model)),
  stream(grpcOf(body, model)),
];
const good = { id: "good", inputs: [FP32([1])] };
const CASES = [
  ...everyWay("same", good),
  ...everyWay("same", { inputs: [FP32([1, 2], [2, 1])], outputs: [{ name: "OUTPUT0" }] }),
  ...everyWay("plain", { id: "plain", inputs: [FP32([1, 2], [2])] }),
  http("/v2/models/same/versions/1/infer", {
    ...good,
    parameters: { sequence_id: 7, sequence_start: true, sequence_end: true, priority: 2, timeout: 9000000 },
  }),
  ...everyWay("same", { id: "odd", inputs: [FP32([1], [1, 1], "\nI0101 a line of\u0007 somebody's\n")] }),
  ...everyWay("same", { inputs: [FP32([1], [1, 1], "WRONG")] }),
  ...everyWay("same", { id: "shape", inputs: [FP32([1, 2], [1, 2])] }),
  ...everyWay("same", { id: "none", inputs: [] }),
  ...everyWay("same", { id: "output", inputs: [FP32([1])], outputs: [{ name: "WRONG" }] }),
  ...everyWay("absent", { id: "absent", inputs: [FP32([1])] }),
  ...everyWay("many", { id: "many", inputs: [FP32([1], [1, 1], "WRONG")] }),
  ...everyWay("full", { id: "full", inputs: [FP32([1])] }).map(one => ({ ...one, times: 3 })),
  ...everyWay("both", { id: "both", inputs: [FP32([1])] }),
  ...everyWay("late", { id: "late", inputs: [FP32([1])] }).map(one => ({ ...one, times: 2 })),
  http("/v2/models/same/infer", "no JSON"),
  http("/v2/models/same/infer", { id: "early", inputs: "no list" }),
  http("/v2/models/same/infer", { id: 7, inputs: [] }),
  http("/v2/models/same/versions/x/infer", good),
  http("/v2/models/same/versions/7/infer", good),
  http("/v2/models/same/generate", { id: "good", INPUT0: 1 }),
  http("/v2/models/same/generate", { id: "field", INPUT0: {} }),
  http("/v2/models/same/generate", { id: "none" }),
  http("/v2/models/same/generate", "no JSON"),
  http("/v2/models/same/generate_stream", { id: "none" }),
  http("/v2/models/absent/generate", { id: "absent", INPUT0: 1 }),
  http("/v2/nowhere", "{}"),
];

async function record() {
  const folder = mkdtempSync(join(tmpdir(), "merlon-verbose-"));
  for (const [name, config] of Object.entries(MODELS)) {
    mkdirSync(join(folder, name, "1"), { recursive: true });
    writeFileSync(join(folder, name, "config.pbtxt"), config);
  }
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const [program, ...flags] = command.split(" ");
  let log = "";
  const server = spawn(program, [
    ...flags,
    ...[`--model-repository=${folder}`, `--http-port=${httpPort}`, `--grpc-port=${grpcPort}`],
    ...["--allow-metrics=false", "--log-verbose=1"],
  ]);
  for (const output of [server.stdout, server.stderr])
    output.on("data", chunk => {
      log += chunk;
    });
  const ready = () =>
    fetch(`http://127.0.0.1:${httpPort}/v2/health/ready`).then(
      answer => answer.ok,
      () => false,
    );
  server.on("exit", code => code !== 0 && process.exit(1));
  while (!(await ready())) await delay(100);
  await delay(200);
  const client = grpcClient(`127.0.0.1:${grpcPort}`);
  const send = one => {
    if (one.protocol === "http")
      return fetch(`http://127.0.0.1:${httpPort}${one.path}`, { method: "POST", body: one.body }).then(answer =>
        answer.text(),
      );
    return one.protocol === "grpc"
      ? sendGrpc(client, { rpc: "ModelInfer", request: one.request })
      : sendGrpc(client, { rpc: "ModelStreamInfer", requests: [one.request] });
  };
  const recorded = [];
  for (const one of CASES) {
    const before = log.length;
    const sent = [];
    for (let i = 0; i < (one.times ?? 1); i++) {
      sent.push(send(one));
      await delay(100);
    }
    await Promise.all(sent);
    await delay(200);
    recorded.push({ ...one, lines: linesOf(log.slice(before)) });
  }
  client.close();
  server.kill("SIGINT");
  return { models: MODELS, requests: recorded };
}

/** Lines about requests, without times and addresses. */
const linesOf = text =>
  text.split("\n").flatMap(line => {
    const [, file, said] = /^I\d{4} [\d:.]+ \d+ (\S+?):\d+\] (.*)$/.exec(line) ?? [];
    return /^"(HTTP (request|error)|\[request id: [^\]]*\] )/.test(said ?? "")
      ? [`${file}] ${said.replace(/0x0x[0-9a-f]+|0x[0-9a-f]{6,}/g, "<address>")}`]
      : [];
  });

mkdirSync(dirname(OUT), { recursive: true });
writeFileSync(OUT, `${JSON.stringify(await record(), null, 1)}\n`);
process.exit(0);
