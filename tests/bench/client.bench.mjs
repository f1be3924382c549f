// `npm run bench:client`: what the client costs: calls a second, p50 and CPU of the caller, beside a bare grpc-js call (messages loaded with
// @grpc/proto-loader), the same with bytes that were made before, and Python's tritonclient, all against one server in one run, in turn.
// MERLON_TEST_PYTHON names a Python with tritonclient; without it that row is left out. --seconds N, --rounds N.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { connect } from "../../dist/runtime/client/index.js";
import { encode } from "../../dist/triton-protos/proto-root.js";
import { median } from "../stress/figures.mjs";
import { merlonRepository } from "./server/models.mjs";
import { startMerlon } from "./server/processes.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string" }, rounds: { type: "string" } } });
const [SECONDS, ROUNDS] = [Number(values.seconds ?? 0.5), Number(values.rounds ?? 9)];
const PROTO = fileURLToPath(new URL("../../triton-protos/proto/grpc_service.proto", import.meta.url));
const PYTHON = fileURLToPath(new URL("client/ask.py", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "merlon-bench-client-"));
const server = await startMerlon(merlonRepository(join(scratch, "models")));
const address = `127.0.0.1:${server.grpc}`;
const value = Float32Array.from({ length: 16 }, (_, i) => i);
const options = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

const ours = await connect(`grpc://${address}`);
const overHttp = await connect(`http://127.0.0.1:${server.http}`);
const Service = grpc.loadPackageDefinition(loadSync(PROTO, { keepCase: true })).inference.GRPCInferenceService;
const bare = new Service(address, grpc.credentials.createInsecure(), options);
const bytesOnly = new grpc.Client(address, grpc.credentials.createInsecure(), options);
const message = () => ({
  model_name: "identity",
  inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, 16] }],
  raw_input_contents: [Buffer.from(value.buffer, value.byteOffset, value.byteLength)],
});
const made = Buffer.from(encode("inference.ModelInferRequest", message()));
const same = bytes => bytes;
const answered = call =>
  new Promise((resolve, reject) => call((error, answer) => (error ? reject(error) : resolve(answer))));

const CALLS = {
  "merlon/client, gRPC": async () => (await ours.infer("identity", { INPUT0: value })).OUTPUT0.data[15],
  "merlon/client, HTTP": async () => (await overHttp.infer("identity", { INPUT0: value })).OUTPUT0.data[15],
  "grpc-js, bare call": async () => {
    const { raw_output_contents } = await answered(done => bare.ModelInfer(message(), done));
    const [raw] = raw_output_contents;
    return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length))[15];
  },
  "grpc-js, bytes made before": async () => {
    const answer = await answered(done =>
      bytesOnly.makeUnaryRequest("/inference.GRPCInferenceService/ModelInfer", same, same, made, done),
    );
    return answer.readFloatLE(answer.length - 4);
  },
};

async function load(call, inFlight) {
  const times = [];
  const end = performance.now() + SECONDS * 1000;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const worker = async () => {
    while (performance.now() < end) {
      const start = performance.now();
      if ((await call()) !== 15) throw new Error("a wrong answer");
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  return { rate: times.length / seconds, p50: times[times.length >> 1], cpu: (user + system) / times.length };
}

function python(inFlight) {
  const program = process.env.MERLON_TEST_PYTHON;
  if (!program) return undefined;
  const { status, stdout, stderr } = spawnSync(program, [PYTHON, address, String(inFlight), String(SECONDS)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

try {
  for (const call of Object.values(CALLS)) await load(call, 4);
  for (const inFlight of [1, 16]) {
    const runs = new Map();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, call] of Object.entries(CALLS))
        runs.set(name, [...(runs.get(name) ?? []), await load(call, inFlight)]);
      const found = python(inFlight);
      if (found) runs.set("Python's tritonclient, gRPC", [...(runs.get("Python's tritonclient, gRPC") ?? []), found]);
    }
    const of = (name, key) => median(runs.get(name).map(run => run[key]));
    process.stdout.write(`\nidentity FP32 [1,16], ${inFlight} in flight (median of ${ROUNDS} × ${SECONDS} s)\n`);
    process.stdout.write(`${"".padEnd(30)}calls/s   p50 ms   CPU µs   calls/s of a bare grpc-js call\n`);
    for (const name of runs.keys())
      process.stdout.write(
        `${name.padEnd(28)}${of(name, "rate").toFixed(0).padStart(9)}${of(name, "p50").toFixed(3).padStart(9)}${of(name, "cpu").toFixed(0).padStart(9)}   ${(of(name, "rate") / of("grpc-js, bare call", "rate")).toFixed(2)}×\n`,
      );
  }
} finally {
  await ours.close();
  await overHttp.close();
  bare.close();
  bytesOnly.close();
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
}
