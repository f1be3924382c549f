// Repositories that were written by hand, each with one slip: the log has Triton's text as it is, and beside it the file to change.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emptyWayOut, wayOut } from "#runtime/server/models/way-out.js";
import { MERLON } from "../../../needs/built.js";

const MODELS = join(import.meta.dirname, "..", "..", "..", "samples", "artefacts", "models");
const CONFIG = `backend: "onnxruntime"
max_batch_size: 8
input [
  { name: "item_id" data_type: TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] } },
  { name: "age" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } }
]
output { name: "purchase/binary_output" data_type: TYPE_FP32 dims: [ 1 ] }
`;
const ENSEMBLE = `platform: "ensemble"
max_batch_size: 8
input [ { name: "item_id" data_type: TYPE_INT64 dims: [ 1 ] }, { name: "age" data_type: TYPE_FP32 dims: [ 1 ] } ]
output { name: "score" data_type: TYPE_FP32 dims: [ 1 ] }
ensemble_scheduling {
  step {
    model_name: "rank" model_version: -1
    input_map { key: "item_id" value: "item_id" }
    input_map { key: "age" value: "age" }
    output_map { key: "purchase/binary_output" value: "score" }
  }
}
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "merlon-way-out-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A repository with the model `rank` and the ensemble `shop`. */
function repository(model = CONFIG, ensemble = ENSEMBLE): void {
  mkdirSync(join(root, "rank", "1"), { recursive: true });
  mkdirSync(join(root, "shop", "1"), { recursive: true });
  copyFileSync(join(MODELS, "ranker.onnx"), join(root, "rank", "1", "model.onnx"));
  writeFileSync(join(root, "rank", "config.pbtxt"), model);
  writeFileSync(join(root, "shop", "config.pbtxt"), ensemble);
}

/** Messages of a server that ends. Ports of 0 are any free ones. */
function serve(...more: string[]) {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [MERLON, "serve", "--model-repository", root, "--http-port=0", "--grpc-port=0", "--allow-metrics=false", ...more],
    { encoding: "utf8", timeout: 60_000 },
  );
  const hints = [...stdout.matchAll(/"(hint: (?:[^"\\]|\\.)*)"/g)].map(([, hint]) => hint!.replaceAll('\\"', '"'));
  return { stderr, hints: [...new Set(hints)].map(hint => hint.replaceAll(root, "R")) };
}

const edited = (from: string, to: string) => () => repository(CONFIG.replace(from, to));
const ensembleOf = (from: string, to: string) => () => repository(CONFIG, ENSEMBLE.replace(from, to));

describe.each([
  {
    what: "no model file",
    make: () => {
      repository();
      rmSync(join(root, "rank", "1", "model.onnx"));
      writeFileSync(join(root, "rank", "1", "ranker.onnx"), "");
    },
    says: "failed to stat file",
    hint: "hint: R/rank/1/model.onnx is missing: rename ranker.onnx there, or name its file with `default_model_filename` in R/rank/config.pbtxt",
  },
  {
    what: "a version folder without a number",
    make: () => {
      repository();
      rmSync(join(root, "rank", "1"), { recursive: true });
      mkdirSync(join(root, "rank", "v1"));
    },
    says: "at least one version must be available",
    hint: "hint: R/rank has no version folder (it has v1): put the model's files into R/rank/1; names of version folders are numbers",
  },
  {
    what: "no dims",
    make: edited("TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] }", "TYPE_INT64"),
    says: "model input 'item_id' must specify 'dims' for rank",
    hint: "hint: add `dims: [ 1 ]` to the input 'item_id' in R/rank/config.pbtxt, with -1 for a dimension of any size; without the batch's where max_batch_size is above 0",
  },
  {
    what: "the batch among the dims",
    make: edited("dims: [ 1 ] reshape { shape: [ ] }", "dims: [ 1 ]"),
    says: "the model expects 1 dimensions",
    hint: "hint: 'item_id' has no dimension beside the batch's: write `dims: [ 1 ] reshape { shape: [ ] }` in R/rank/config.pbtxt",
  },
  {
    what: "a misspelt tensor",
    make: edited('name: "age"', 'name: "aeg"'),
    says: "unexpected inference input 'aeg', allowed inputs are: age, item_id",
    hint: "hint: rename the input 'aeg' in R/rank/config.pbtxt to age",
  },
  {
    what: "another name than the folder's",
    make: edited("backend:", 'name: "ranker"\nbackend:'),
    says: "unexpected directory name 'rank' for model 'ranker'",
    hint: 'hint: write `name: "rank"` in R/rank/config.pbtxt, or leave the name out, or rename the folder to ranker',
  },
  {
    what: "TorchScript under the name of an ONNX file",
    make: () => {
      repository();
      copyFileSync(join(MODELS, "scripted.pt"), join(root, "rank", "1", "model.onnx"));
    },
    says: "Protobuf parsing failed",
    hint: 'hint: R/rank/1/model.onnx is a file of PyTorch (`torch.save` or TorchScript), or another zip archive. Export the model from Python: `torch.onnx.export(model, inputs, "model.onnx", dynamo=True)`, with names for inputs and outputs.',
  },
  {
    what: "an ensemble's input that no step reads",
    make: ensembleOf('key: "age" value: "age"', 'key: "age" value: "AGE"'),
    says: "ensemble input 'age' for ensemble shop' is not used",
    hint: 'hint: map \'age\' in a step of R/shop/config.pbtxt, `input_map { key: "INPUT OF THE MODEL" value: "age" }`, or remove it from the ensemble\'s inputs',
  },
  {
    what: "a step of a model that is not there",
    make: ensembleOf('model_name: "rank"', 'model_name: "ranks"'),
    says: "ensemble shop contains models that are not available or ambiguous: ranks",
    hint: "hint: no model 'ranks' can be loaded: the repository has 'rank'; correct `model_name` in R/shop/config.pbtxt, or add the model",
  },
])("$what", ({ make, says, hint }) => {
  test("the log has Triton's text, and the way out once", () => {
    make();
    const { stderr, hints } = serve("--exit-on-error=true");
    expect(stderr).toContain(says);
    expect(hints).toEqual([hint]);
  });
});

test("a dtype of Python is named with those there are, and a wrong back end with those of this server", () => {
  repository(CONFIG.replace("TYPE_INT64", "INT64"));
  expect(serve("--exit-on-error=true").stderr).toContain('Unknown enumeration value of "INT64" for field "data_type"');
  writeFileSync(join(root, "rank", "config.pbtxt"), CONFIG.replace("onnxruntime", "onnx"));
  expect(serve("--exit-on-error=true").hints[0]).toMatch(
    /^hint: this server has no backend 'onnx' \(it has .*onnxruntime/,
  );
});

test("a repository that is a model, that has files alone, or nothing", () => {
  repository();
  expect(emptyWayOut([join(root, "rank")], false)).toContain("name the folder above it with --model-repository");
  expect(emptyWayOut([root], false)).toBeUndefined();
  expect(emptyWayOut([join(root, "rank", "1")], true)).toContain("it has model.onnx, and no folder");
  expect(emptyWayOut([join(root, "none")], true)).toContain("it is empty");
});

test("long and hostile names cost nothing, and a file that cannot be read leaves a general word", () => {
  const named = (name: string) =>
    wayOut(`contains models that are not available or ambiguous: ${name}`, { key: "e", models: [name] });
  expect(named("x".repeat(3000))).toContain("the repository has");
  expect(named("x".repeat(100_000))).toBeUndefined();
  expect(wayOut(`tensor '${"tensor '".repeat(1_000_000)}`, { key: "e" })).toBeUndefined();
  expect(wayOut("Load model from /dev/zero failed:Protobuf parsing failed.", { key: "m" })).toContain(
    "not an ONNX model",
  );
  expect(wayOut("anything else", { key: "m" })).toBeUndefined();
});
