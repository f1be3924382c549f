// The entry model over gRPC, at 1 and 8 requests in flight, beside the raw ONNX and FAISS calls of its requests. One run measures both:
// `npm run bench`. Prints a table; nothing is asserted, since machines differ. `--seconds N` measures longer.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as grpc from "@grpc/grpc-js";
import * as ort from "onnxruntime-node";
import { decode, encode } from "../../dist/triton-protos/proto-root.js";
import { table } from "../../scripts/demo/terminal.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REPOSITORY = join(ROOT, "model-repo");
const IN_FLIGHT = [1, 8];
const PAIRS = 100;
const WARM_UP = 200;
/** Customers of the checked-in store. */
const USERS = [512300022, 512300042, 512300091];
const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" } } });
const SECONDS = Number(values.seconds);

const { Index } = createRequire(import.meta.url)("faiss-node");

/** Runs `call` with some in flight for a while; every call's milliseconds, sorted. */
async function measure(call, inFlight) {
  for (let i = 0; i < WARM_UP; i++) await call(i);
  const times = [];
  const end = performance.now() + SECONDS * 1000;
  const loop = async first => {
    for (let i = first; performance.now() < end; i += inFlight) {
      const started = performance.now();
      await call(i);
      times.push(performance.now() - started);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, (_, i) => loop(i)));
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const quantile = q => times[Math.min(times.length - 1, Math.floor(q * times.length))];
  return { p50: quantile(0.5), p99: quantile(0.99), rate: times.length / seconds };
}

/** The server in a process of its own, as it is deployed; ends with this one. */
async function startServer() {
  const flags = [
    "--http-port",
    "0",
    "--metrics-port",
    "0",
    "--grpc-port",
    "0",
    "--grpc-address",
    "127.0.0.1",
    "--http-address",
    "127.0.0.1",
  ];
  const server = spawn(
    process.execPath,
    [join(ROOT, "dist/cli/main.js"), "serve", "--workers=1", "--model-repository", REPOSITORY, ...flags],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const port = await new Promise((resolve, reject) => {
    let said = "";
    const read = chunk => {
      said += chunk;
      const found = /GRPCInferenceService at [^"\s]*:(\d+)/.exec(said);
      if (found) resolve(Number(found[1]));
    };
    server.stdout.on("data", read);
    server.stderr.on("data", read);
    server.on("exit", code => reject(new Error(`the server ended with ${code}:\n${said}`)));
  });
  return { port, stop: () => server.kill("SIGTERM") };
}

/** One request for one customer. Bytes in, bytes out: the client's own work is kept small. */
function entryModel(port) {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const requests = USERS.map(user => {
    const data = new Uint8Array(new BigInt64Array([BigInt(user)]).buffer);
    const inputs = [{ name: "user_id", datatype: "INT64", shape: [1, 1] }];
    return Buffer.from(
      encode("inference.ModelInferRequest", { model_name: "recommend", inputs, raw_input_contents: [data] }),
    );
  });
  const same = bytes => bytes;
  const call = i =>
    new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        "/inference.GRPCInferenceService/ModelInfer",
        same,
        same,
        requests[i % requests.length],
        (error, answer) => (error ? reject(error) : resolve(answer)),
      ),
    );
  return { call, close: () => client.close() };
}

/** Query tower, FAISS search, ranker: the calls alone, with inputs of the shapes that the entry model gives them. */
async function rawCalls() {
  const open = model =>
    ort.InferenceSession.create(join(REPOSITORY, model, "1", "model.onnx"), {
      executionProviders: ["cpu"],
      executionMode: "sequential",
      graphOptimizationLevel: "all",
    });
  const [tower, ranker] = await Promise.all([open("recommend_query_tower"), open("recommend_dlrm")]);
  const index = Index.read(join(REPOSITORY, "recommend/1/indexes/index-items.faiss"));
  const feeds = (session, rows) =>
    Object.fromEntries(
      session.inputMetadata.map(({ name, type }) => [name, new ort.Tensor(type, filled(type, rows), [rows])]),
    );
  const [one, many] = [feeds(tower, 1), feeds(ranker, PAIRS)];
  const { query_embedding } = await tower.run(one);
  const query = Array.from(query_embedding.data);
  return {
    "query tower (ONNX)": () => tower.run(one),
    "item index (FAISS)": () => index.search(query, 100),
    "ranker (ONNX)": () => ranker.run(many),
  };
}

function filled(type, rows) {
  if (type === "float32") return new Float32Array(rows).fill(0.5);
  return type === "int64" ? new BigInt64Array(rows).fill(3n) : new Int32Array(rows).fill(3);
}

const server = await startServer();
try {
  const raw = await rawCalls();
  const entry = entryModel(server.port);
  const { outputs } = decode("inference.ModelInferResponse", await entry.call(0));
  if (outputs.length !== 2) throw new Error("the entry model does not answer two outputs");
  const ms = time => time.toFixed(3);
  const rows = [];
  for (const inFlight of IN_FLIGHT) {
    const parts = [];
    for (const [name, call] of Object.entries(raw)) parts.push([name, await measure(call, inFlight)]);
    const sum = { p50: 0, p99: 0 };
    for (const [name, time] of parts) {
      sum.p50 += time.p50;
      sum.p99 += time.p99;
      rows.push([inFlight, name, ms(time.p50), ms(time.p99), Math.round(time.rate), ""]);
    }
    const whole = await measure(entry.call, inFlight);
    rows.push([inFlight, "sum of the raw calls", ms(sum.p50), ms(sum.p99), "", ""]);
    rows.push([
      inFlight,
      "recommend over gRPC",
      ms(whole.p50),
      ms(whole.p99),
      Math.round(whole.rate),
      (whole.p50 / sum.p50).toFixed(2),
    ]);
  }
  table([">in flight", "what", ">p50 ms", ">p99 ms", ">per second", ">p50 / sum"], rows, "");
  entry.close();
} finally {
  server.stop();
}
