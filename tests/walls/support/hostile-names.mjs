/**
 * Hostile model names at every entry point, with and without file overrides. Prints a JSON line with the runs and the first failure.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { JAIL, REPOSITORY, startServer, TMPDIR } from "./serve-in-jail.mjs";

const TENSORS = {
  input: [{ name: "INPUT0", data_type: "TYPE_INT32", dims: [1] }],
  output: [{ name: "OUTPUT0", data_type: "TYPE_INT32", dims: [1] }],
};
const config = more => JSON.stringify({ backend: "identity", max_batch_size: 8, ...TENSORS, ...more });

// biome-ignore format: one list
const LISTED = [".", "..", "", " ", "\t", "\n", "\r\n", "\0", "a\0b", "./", "../", "/", "//", "../x", "./.", "..\\x", "\\", "a/../b", "/etc/passwd", "...", ". ", " .", ".. ", "~",
  "%2e", "%2e%2e", "%2e%2e%2f", "%00", "%2F", "．", "．．", "․․", "‥", "…", "∕", "⁄", "．．∕x", "\u202e..", "\ufeff.", "é".repeat(200), "x".repeat(255), "x".repeat(256), "x".repeat(5000),
  "\ud800", "\udfff..", "__proto__", "constructor", "prototype", "toString", "CON", "NUL", "COM1", "aux.", "con.pbtxt", "-rf", "--help", "*", "?", "$HOME", "`id`", "sentinel", "1", "model.mjs",
  "config.pbtxt", "good", "GOOD", "good/", "good/1", "merlon-override-x", ".merlon-staging-x", "proc", "dev"];
const SEPARATORS = ["/", "\\", "%2f", "%5c", "∕", "／", "", "\0"];
const parts = fc.constantFrom(".", "..", "x", "good", "1", "tmp", "sentinel", "", " ", "%2e", "．");
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...LISTED) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.array(parts, { minLength: 1, maxLength: 5 }), fc.constantFrom(...SEPARATORS))
      .map(([list, separator]) => list.join(separator)),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
);
const override = fc.oneof(
  fc.constant(undefined),
  fc.record({ config: fc.constant(config()) }),
  fc.record({ config: fc.constantFrom(config(), "{}", "[]", ""), path: name }),
  fc.record({
    config: fc.oneof(
      name.map(text => config({ name: text })),
      name.map(text => config({ default_model_filename: text })),
      name.map(text => config({ output: [{ ...TENSORS.output[0], label_filename: text }] })),
      name.map(text =>
        config({ backend: "mock", parameters: { mock: { string_value: JSON.stringify({ function: text }) } } }),
      ),
      name.map(text => config({ backend: "javascript", default_model_filename: text })),
      name.map(text =>
        config({
          backend: undefined,
          platform: "ensemble",
          ensemble_scheduling: {
            step: [
              {
                model_name: text,
                model_version: -1,
                input_map: { INPUT0: "INPUT0" },
                output_map: { OUTPUT0: "OUTPUT0" },
              },
            ],
          },
        }),
      ),
    ),
    path: fc.constantFrom("1/x", "1/model.onnx", "x", undefined),
  }),
);

mkdirSync(join(REPOSITORY, "good", "1"), { recursive: true });
writeFileSync(join(REPOSITORY, "good", "config.pbtxt"), config());
const before = look(JAIL);
const server = await startServer({ loadModels: ["good"], trace: { file: "" } });

/** Names of all entries; the contents are compared by the test. */
function look(folder, below = "") {
  return readdirSync(join(folder, below)).flatMap(entry => {
    const path = join(below, entry);
    return lstatSync(join(folder, path)).isDirectory() ? [path, ...look(folder, path)] : [path];
  });
}

/** A name as a URL has it: its bytes where a request line can hold them, and percent-encoded. */
const spellings = text => {
  const raw = Buffer.from(text).toString("latin1");
  const encoded = text.isWellFormed() ? encodeURIComponent(text) : "";
  return [...(/[\0-\x20\x7f]/.test(raw) ? [] : [text]), encoded];
};

async function attack(text, brought) {
  const parameters = {
    ...(brought && { config: brought.config }),
    ...(brought?.path !== undefined && { [`file:${brought.path}`]: Buffer.from("bytes").toString("base64") }),
  };
  const body = JSON.stringify({ parameters });
  const infer = JSON.stringify({ inputs: [{ name: "INPUT0", datatype: "INT32", shape: [1, 1], data: [1] }] });
  for (const spelled of spellings(text)) {
    const model = `/v2/models/${spelled}`;
    await server.http("POST", `/v2/repository/models/${spelled}/load`, body);
    const reads = [
      ["GET", model],
      ["GET", `${model}/ready`],
      ["GET", `${model}/config`],
      ["GET", `${model}/stats`],
      ["GET", `/v2/models/good/versions/${spelled}/config`],
      ["GET", `${model}/trace/setting`],
      ["POST", `${model}/trace/setting`, "{}"],
      ["POST", `${model}/infer`, infer],
      ["POST", `${model}/generate`, "{}"],
    ];
    await Promise.all(reads.map(([method, path, sent]) => server.http(method, path, sent)));
    await server.http("POST", `/v2/repository/models/${spelled}/unload`, "{}");
  }
  const grpcParameters = {
    ...(brought && { config: { string_param: brought.config } }),
    ...(brought?.path !== undefined && { [`file:${brought.path}`]: { bytes_param: Buffer.from("bytes") } }),
  };
  await server.grpc("RepositoryModelLoad", "RepositoryModelLoadRequest", {
    model_name: text,
    parameters: grpcParameters,
  });
  await Promise.all([
    server.grpc("ModelReady", "ModelReadyRequest", { name: text }),
    server.grpc("ModelConfig", "ModelConfigRequest", { name: text }),
    server.grpc("ModelMetadata", "ModelMetadataRequest", { name: text, version: text }),
    server.grpc("ModelStatistics", "ModelStatisticsRequest", { name: text }),
    server.grpc("TraceSetting", "TraceSettingRequest", { model_name: text }),
    server.grpc("ModelInfer", "ModelInferRequest", { model_name: text }),
  ]);
  await server.grpc("RepositoryModelUnload", "RepositoryModelUnloadRequest", { model_name: text });
}

/** No file was removed or added, except the folders of uploads that still serve, and the server lives. */
async function check() {
  const now = look(JAIL);
  const gone = before.filter(path => !now.includes(path));
  if (gone.length > 0) throw new Error(`gone: ${gone.join(", ")}`);
  const strange = now.filter(path => !before.includes(path) && !path.startsWith("inside/tmp/merlon-override-"));
  if (strange.length > 0) throw new Error(`new: ${strange.join(", ")}`);
  const { status } = await server.http("GET", "/v2/health/live");
  if (status !== 200) throw new Error(`the server does not live: ${status}`);
}

// The first case is the attack that removed the temporary folder.
const examples = [
  [".", { config: config(), path: "1/x" }],
  ...LISTED.flatMap((text, i) => [
    [text, { config: config(), path: "1/x" }],
    // A name alone, and a path alone.
    i % 2 ? [text, undefined] : ["new", { config: config(), path: text }],
  ]),
];
let runs = 0;
const result = await fc.check(
  fc.asyncProperty(name, override, async (text, brought) => {
    runs++;
    await attack(text, brought);
    // An unload answers before a model with the name of an upload has ended.
    await check();
  }),
  {
    seed: Number(process.env.SEED ?? 19),
    numRuns: examples.length + Number(process.env.RUNS ?? 100),
    examples,
    endOnFailure: true,
  },
);
await server.stop();
const left = existsSync(TMPDIR) ? look(TMPDIR).filter(path => path.startsWith("merlon-")) : [];
console.log(
  JSON.stringify({
    runs,
    failed: result.failed,
    counterexample: result.counterexample ? JSON.stringify(result.counterexample).slice(0, 500) : null,
    error: result.errorInstance ? String(result.errorInstance.message ?? result.errorInstance).slice(0, 2000) : null,
    left,
    internal: server.log.filter(line => /internal error/i.test(line)).slice(0, 5),
  }),
);
