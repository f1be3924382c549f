/**
 * The server that is fuzzed: a process of its own with the recorded models, and a request that it must always answer well.
 */
import { spawn } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { decode, encode } from "../../dist/triton-protos/proto-root.js";
import { MODELS, REPOSITORY } from "./seeds.mjs";

const PROBE = fileURLToPath(new URL("./memory-probe.mjs", import.meta.url));
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
// biome-ignore format: flags
const FLAGS = ["--model-control-mode=explicit", "--allow-client-shm=true", "--log-info=false", "--log-warning=false", "--log-error=false",
  "--http-port=0", "--grpc-port=0", "--metrics-port=0", "--http-address=127.0.0.1", "--grpc-address=127.0.0.1"];

export async function startFuzzed() {
  const loads = MODELS.map(name => `--load-model=${name}`);
  const flags = FLAGS.filter(flag => !flag.startsWith("--log-info"));
  const node = ["--expose-gc", "--import", pathToFileURL(PROBE).href, MAIN];
  const child = spawn(
    process.execPath,
    [...node, "serve", "--workers=1", "--model-repository", REPOSITORY, ...flags, ...loads],
    {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    },
  );
  let said = "";
  const ports = await new Promise((resolve, reject) => {
    const read = chunk => {
      said = (said + chunk).slice(-20_000);
      const found = name => /:(\d+)/.exec(new RegExp(`${name} at [^"\\s]*:\\d+`).exec(said)?.[0] ?? "")?.[1];
      const [rpc, http] = [found("GRPCInferenceService"), found("HTTPService")];
      if (rpc && http) resolve({ grpc: Number(rpc), http: Number(http) });
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", code => reject(new Error(`the server ended with ${code}:\n${said}`)));
  });
  const client = new grpc.Client(`127.0.0.1:${ports.grpc}`, grpc.credentials.createInsecure());
  const data = Buffer.from(Int32Array.of(1, -2, 3, -4).buffer);
  const input = { name: "INPUT0", datatype: "INT32", shape: [1, 4] };
  const bytes = Buffer.from(
    encode("inference.ModelInferRequest", { model_name: "echo_int32", inputs: [input], raw_input_contents: [data] }),
  );
  const same = message => message;
  /** @throws Error when the server does not answer a good request with its own bytes, on either protocol */
  const check = async () => {
    if (child.exitCode !== null || child.signalCode) throw new Error(`the server has ended:\n${said}`);
    const answer = await fetch(`http://127.0.0.1:${ports.http}/v2/models/echo_int32/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs: [{ ...input, data: [1, -2, 3, -4] }] }),
    });
    const text = await answer.text();
    if (answer.status !== 200 || !text.includes('"data":[1,-2,3,-4]'))
      throw new Error(`HTTP ${answer.status}: ${text}`);
    const message = await new Promise((resolve, reject) =>
      client.makeUnaryRequest("/inference.GRPCInferenceService/ModelInfer", same, same, bytes, (error, found) =>
        error ? reject(error) : resolve(found),
      ),
    );
    if (!data.equals(Buffer.from(decode("inference.ModelInferResponse", message).raw_output_contents[0])))
      throw new Error("gRPC answered other bytes");
  };
  let stopping = false;
  /** Rejects when the server ends by itself. */
  const died = new Promise((_, reject) =>
    child.once("exit", (code, signal) => {
      if (!stopping) reject(new Error(`the server ended with ${code ?? signal}:\n${said}`));
    }),
  );
  died.catch(() => {});
  return {
    ...ports,
    pid: child.pid,
    check,
    died,
    /** After a collection: `{ rss, heap }` in bytes, the heap with its external memory. */
    memory() {
      const answer = new Promise(resolve => child.once("message", resolve));
      child.send("memory");
      return answer;
    },
    async stop() {
      stopping = true;
      client.close();
      if (child.exitCode !== null || child.signalCode) return;
      const over = new Promise(resolve => child.once("exit", resolve));
      child.kill("SIGTERM");
      await over;
    },
  };
}
