// `merlon build` and `merlon check --run` run each model on generated rows: what a row's outputs are must not depend on its neighbors.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkRows } from "#cli/check-rows.js";
import { type Compiled, compile } from "#compiler/index.js";
import { type OnnxModel, type OnnxNode, printOnnxModel } from "#formats/onnx/onnx-model.js";
import { MERLON } from "../needs/built.js";
import { merlon } from "./merlon-command.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-check-rows-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const x = { name: "x", dtype: "float32", shape: ["n"] } as const;
const id = { name: "id", dtype: "int64", shape: ["n"] } as const;
const y = { name: "y", dtype: "float32", shape: ["n"] } as const;
const int = (n: number) => ({ int: n });

function model(name: string, nodes: readonly OnnxNode[], rest: Partial<OnnxModel> = {}): void {
  const graph = { name: "g", opsets: { "": 17 }, inputs: [x], outputs: [y], nodes, ...rest };
  writeFileSync(at(`${name}.onnx`), printOnnxModel(graph));
}

beforeAll(() => {
  model("own", [{ op: "Sigmoid", inputs: ["x"], outputs: ["y"] }]);
  model("softmax", [{ op: "Softmax", inputs: ["x"], outputs: ["y"], attributes: { axis: int(0) } }]);
  // The number of the row is in its output: it is the same for a row that is alone, and first.
  model("order", [{ op: "CumSum", inputs: ["x", "axis"], outputs: ["y"] }], {
    constants: { axis: { dtype: "int64", shape: [], values: [0] } },
  });
  // A padded list is summed with its padding of 1.
  model("padded", [{ op: "ReduceSum", inputs: ["lists", "axis"], outputs: ["y"], attributes: { keepdims: int(0) } }], {
    inputs: [{ name: "lists", dtype: "float32", shape: ["n", "length"] }],
    constants: { axis: { dtype: "int64", shape: [1], values: [1] } },
  });
  // Generated ids go up to 3; the table has two.
  model("table", [{ op: "Gather", inputs: ["weights", "id"], outputs: ["y"] }], {
    inputs: [id],
    constants: { weights: { dtype: "float32", shape: [2], values: [0.5, 7] } },
  });
  model("empty", [{ op: "Gather", inputs: ["weights", "id"], outputs: ["y"] }], {
    inputs: [id],
    constants: { weights: { dtype: "float32", shape: [0], values: [] } },
  });
});

const program = (predict: string): string => {
  const text = `import { cached, ensemble, predictOnnx, source } from "merlon";
const request = source({ x: "float32", id: "int64", lists: "list<float32>" });
export default ensemble("rows", request >> ${predict});
`;
  writeFileSync(at("main.ensemble.ts"), text);
  return at("main.ensemble.ts");
};

async function checked(predict: string) {
  const compiled = await compile(program(predict));
  expect(compiled.diagnostics).toEqual([]);
  const { diagnostics, notes } = await checkRows(compiled as Compiled);
  return [...diagnostics.map(({ code, message }) => `${code}: ${message}`), ...notes];
}

test.each([
  ["rows of their own", 'predictOnnx("own.onnx")', []],
  ["a table that lacks some of the generated ids", 'predictOnnx("table.onnx")', []],
  ["one row in each call", 'predictOnnx("softmax.onnx", { batchSize: 1 })', []],
  ["rows that may depend on each other", 'predictOnnx("softmax.onnx", { mixesRows: true })', []],
  [
    "a softmax over the batch",
    'predictOnnx("softmax.onnx")',
    [/^onnx\/mixes-rows: `softmax.onnx` .*`y` of row 1 is 1 alone, and 0\.\d+ when 8 rows run together \(relative/],
  ],
  ["a sum of the rows before", 'predictOnnx("order.onnx")', [/^onnx\/mixes-rows: .*`y` of row 2 /]],
  ["padding that counts", 'predictOnnx("padded.onnx", { pad: { lists: { value: 1 } } })', [/^onnx\/mixes-rows/]],
  ["padding that does not count", 'predictOnnx("padded.onnx", { pad: { lists: { value: 0 } } })', []],
  ["a model that refuses every row", 'predictOnnx("empty.onnx")', [/not run row by row: generated rows are not rows/]],
] as const)("%s", async (_, predict, wanted) => {
  expect(await checked(predict)).toEqual(wanted.map(text => expect.stringMatching(text)));
});

test("the commands refuse the model, and write nothing", { timeout: 180_000 }, async () => {
  program('predictOnnx("softmax.onnx")');
  for (const command of [
    ["build", "main.ensemble.ts", "--out", "repository"],
    ["check", "--run", "main.ensemble.ts"],
  ])
    expect(await merlon(folder, ...command)).toMatchObject({
      status: 1,
      err: expect.stringContaining("onnx/mixes-rows"),
    });
  expect(existsSync(at("repository"))).toBe(false);
  expect((await merlon(folder, "build", "main.ensemble.ts", "--out", "repository", "--no-check")).status).toBe(0);
});

test("a build without onnxruntime-node notes what it did not run", () => {
  program('predictOnnx("softmax.onnx")');
  writeFileSync(
    at("hide.mjs"),
    `import { registerHooks } from "node:module";
registerHooks({ resolve(name, context, next) {
  if (name === "onnxruntime-node") throw Object.assign(new Error("Cannot find package 'onnxruntime-node'"), { code: "ERR_MODULE_NOT_FOUND" });
  return next(name, context);
} });
`,
  );
  const args = ["--import", at("hide.mjs"), MERLON, "build", "main.ensemble.ts", "--out", "without"];
  const errors = at("errors.txt");
  execFileSync("sh", ["-c", `"$0" "$@" 2> ${errors}`, process.execPath, ...args], { cwd: folder });
  expect(readFileSync(errors, "utf8")).toMatch(
    /note: Models were not run row by row: the package onnxruntime-node is not installed/,
  );
  expect(existsSync(at("without/rows/config.pbtxt"))).toBe(true);
});
