/**
 * A repository with models of known times, for lines that measure queues, deadlines and draining.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "../../../dist/triton-protos/proto-root.js";
import { framed } from "./http2-client.mjs";

const tensor = name => `{ name: "${name}" data_type: TYPE_INT32 dims: [ -1 ] }`;
const identity = (name, delay, instances, more = "") => `name: "${name}" backend: "identity" max_batch_size: 1
input [ ${tensor("INPUT0")} ] output [ ${tensor("OUTPUT0")} ]
instance_group [ { count: ${instances} kind: KIND_CPU } ]
parameters { key: "execute_delay_ms" value: { string_value: "${delay}" } }
${more}`;

const MODELS = {
  /** Any number of calls at once, 300 ms each. */
  slow: identity("slow", 300, 256),
  /** The same, two seconds each. */
  slower: identity("slower", 2000, 256),
  /** A hundred calls a second; 16 may wait. */
  narrow: identity("narrow", 10, 1, "dynamic_batching { default_queue_policy { max_queue_size: 16 } }"),
  /** Ten calls a second; any number may wait. */
  queue: identity("queue", 100, 1, "dynamic_batching { }"),
  plain: identity("plain", 0, 2),
  fatal: `name: "fatal" backend: "javascript" max_batch_size: 0
input [ ${tensor("INPUT0")} ] output [ ${tensor("OUTPUT0")} ]`,
};
/** Ends the process as a fault in native code does. */
const FATAL = 'export const execute = () => process.kill(process.pid, "SIGSEGV");\n';

/** @returns `{ folder, names, dispose }` */
export function timedModels() {
  const folder = mkdtempSync(join(tmpdir(), "merlon-timed-"));
  for (const [name, config] of Object.entries(MODELS)) {
    mkdirSync(join(folder, name, "1"), { recursive: true });
    writeFileSync(join(folder, name, "config.pbtxt"), config);
  }
  writeFileSync(join(folder, "fatal", "1", "model.mjs"), FATAL);
  return { folder, names: Object.keys(MODELS), dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A request of one of these over gRPC, and as JSON; `batched` models have a dimension more. */
export const grpcRequest = (model, values = [1, 2, 3], shape = [1, values.length]) =>
  framed(
    Buffer.from(
      encode("inference.ModelInferRequest", {
        model_name: model,
        inputs: [{ name: "INPUT0", datatype: "INT32", shape }],
        raw_input_contents: [Buffer.from(Int32Array.from(values).buffer)],
      }),
    ),
  );
export const jsonRequest = (values = [1, 2, 3]) =>
  Buffer.from(
    JSON.stringify({ inputs: [{ name: "INPUT0", datatype: "INT32", shape: [1, values.length], data: values }] }),
  );
