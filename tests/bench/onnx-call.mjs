// The price of a call of a small model (an MLP 64-256-128-1, one row), from ONNX Runtime's C API to a request over gRPC: `npm run bench:onnx-call`. CPU time per
// call, best of some rounds that alternate. The C API needs a C compiler and the header of Debian's libonnxruntime-dev (or --headers FOLDER). Without
// them its row is left out. Options: --rounds N, --calls N, --short. Prints a table; nothing is asserted, since machines differ.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { connect } from "../../dist/runtime/client/index.js";
import { findBinding } from "../../dist/runtime/server/backends/onnx-binding.js";
import { openSession } from "../../dist/runtime/server/backends/onnx-session.js";
import { serve } from "../../dist/runtime/server/lifecycle/server.js";
import { execute } from "../../dist/runtime/server/requests/infer.js";
import { validateRequest } from "../../dist/runtime/server/requests/validate.js";
import { table } from "../../scripts/demo/terminal.mjs";
import { mlpModel } from "./server/mlp.mjs";
import { cpuSeconds, startMerlon } from "./server/processes.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    calls: { type: "string", default: "3000" },
    headers: { type: "string", default: "/usr/include/onnxruntime" },
    short: { type: "boolean", default: false },
  },
});
const [ROUNDS, CALLS] = values.short ? [2, 300] : [Number(values.rounds), Number(values.calls)];
const folder = mkdtempSync(join(tmpdir(), "merlon-onnx-call-"));

function writeRepository() {
  const schema = (name, width) => ({
    ...{ name, dtype: "float32", rows: "request", tags: [], properties: {} },
    ...(width > 1 && { list: { min: width, max: width } }),
  });
  const ref = (step, name) => ({ name, step, column: name });
  const plan = {
    ...{ format: "merlon/plan", version: 1, kind: "ensemble", name: "plan", inputs: [schema("x", 64)] },
    steps: [
      {
        ...{ id: "rank", op: "predictOnnx", label: "rank" },
        params: { path: "m", model: "mlp", inputs: { x: "x" }, outputs: { y: "y" } },
        inputs: { input: [ref("request", "x")] },
        outputs: [schema("y", 1)],
      },
    ],
    outputs: [{ ref: ref("rank", "y"), schema: schema("y", 1) }],
  };
  const config = (backend, input, output, width) =>
    `backend: "${backend}"\nmax_batch_size: 64\ninput { name: "${input}" data_type: TYPE_FP32 dims: [ 64 ] }\noutput { name: "${output}" data_type: TYPE_FP32 dims: [ ${width} ] }\n`;
  const files = {
    "mlp/config.pbtxt": config("onnxruntime", "x", "y", 1),
    "mlp/1/model.onnx": mlpModel(),
    "plan/config.pbtxt": config("merlon", "x", "y", 1),
    "plan/1/plan.json": JSON.stringify(plan),
    "same/config.pbtxt": config("identity", "INPUT0", "OUTPUT0", 64),
    "same/1/.keep": "",
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, "models", path)), { recursive: true });
    writeFileSync(join(folder, "models", path), content);
  }
}

/** Microseconds by the C API; undefined without a compiler, the header or the library. */
function floor() {
  const library = join(
    dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")),
    `bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime.so.1`,
  );
  if (!existsSync(join(values.headers, "onnxruntime_c_api.h")) || !existsSync(library)) return undefined;
  const program = join(folder, "floor");
  const source = fileURLToPath(new URL("onnx-call/floor.c", import.meta.url));
  const words = ["-O2", `-I${values.headers}`, source, library, `-Wl,-rpath,${dirname(library)}`, "-o", program];
  if (spawnSync("cc", words, { stdio: "inherit" }).status !== 0) return undefined;
  const model = join(folder, "models/mlp/1/model.onnx");
  return () => {
    const { stdout } = spawnSync(program, [model, String(CALLS), "1"], {
      env: { ...process.env, ORT_DISABLE_TELEMETRY: "1" },
      encoding: "utf8",
    });
    return Number(stdout);
  };
}

/** @returns a measurement: microseconds of this process per call */
const here = call => async () => {
  const started = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) {
    const answer = call();
    if (answer instanceof Promise) await answer;
  }
  const { user, system } = process.cpuUsage(started);
  return (user + system) / CALLS;
};

async function measurements() {
  const x = Float32Array.from({ length: 64 }, (_, i) => i / 64);
  const feed = { type: "float32", location: "cpu", data: x, dims: [1, 64], size: 64 };
  const file = join(folder, "models/mlp/1/model.onnx");
  const options = { executionProviders: ["cpu"], intraOpNumThreads: 1, logSeverityLevel: 4 };
  const ort = await import("onnxruntime-node");
  const packaged = await ort.InferenceSession.create(file, options);
  const Native = findBinding();
  const native = new Native();
  native.loadModel(file, options);
  const session = await openSession(file, options);
  // Runs are synchronous once they are known to be short.
  for (let i = 0; i < 200; i++) await session.run({ x: feed }, ["y"]);
  const tensor = new ort.Tensor("float32", x, [1, 64]);
  const wanted = ["y"];
  let registry;
  const server = await serve({
    ...{ modelRepositories: [join(folder, "models")], http: false, grpc: false, metrics: false },
    middleware: [{ registry: made => (registry = made) }],
    writeLog() {},
  });
  const data = new Uint8Array(x.buffer);
  const inServer =
    (name, input = "x") =>
    () => {
      const version = registry.find(name, -1);
      const inputs = [{ name: input, datatype: "FP32", shape: [1, 64], data }];
      const request = { id: "", parameters: new Map(), inputs, outputs: [] };
      return execute(version, request, validateRequest(version.config, request));
    };
  const other = await startMerlon(join(folder, "models"));
  const client = await connect(`grpc://127.0.0.1:${other.grpc}`);
  const overGrpc =
    (name, input = "x") =>
    async () => {
      const started = cpuSeconds(other.pid);
      for (let i = 0; i < CALLS; i++) await client.infer(name, { [input]: [x] });
      return (1e6 * (cpuSeconds(other.pid) - started)) / CALLS;
    };
  return {
    rows: {
      "C API with bound buffers": floor(),
      "the package's binding": here(() => native.run({ x: feed }, { y: null }, {})),
      "InferenceSession.run of the package": here(() => packaged.run({ x: tensor })),
      "our session, synchronous": here(() => session.runSync({ x: feed }, wanted)),
      "data plane, identity": here(inServer("same", "INPUT0")),
      "data plane, the model": here(inServer("mlp")),
      "data plane, a plan with the model": here(inServer("plan")),
      "server over gRPC, identity": overGrpc("same", "INPUT0"),
      "server over gRPC, the model": overGrpc("mlp"),
      "server over gRPC, a plan with the model": overGrpc("plan"),
    },
    close: async () => {
      await client.close?.();
      await other.stop();
      await server.stop();
    },
  };
}

try {
  writeRepository();
  const { rows, close } = await measurements();
  const best = {};
  for (let round = 0; round <= ROUNDS; round++)
    for (const [name, measure] of Object.entries(rows)) {
      const micros = await measure?.();
      // The first round warms up.
      if (round > 0 && micros !== undefined) best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, micros);
    }
  table(
    ["call", ">µs of CPU"],
    Object.entries(best).map(([name, micros]) => [name, micros.toFixed(1)]),
  );
  await close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
