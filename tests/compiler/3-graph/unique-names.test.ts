/** Two files of one name in different folders are two models: the last one must not stand for both. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile, LAYOUTS, printDiagnostics } from "#compiler/index.js";
import { printOnnxModel } from "#formats/onnx/onnx-model.js";
import { startServer } from "../../runtime/server/support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-names-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const times = (factor: number): Uint8Array =>
  printOnnxModel({
    name: "times",
    opsets: { "": 17 },
    inputs: [{ name: "x", dtype: "float32", shape: ["n"] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["n"] }],
    nodes: [{ op: "Mul", inputs: ["x", "factor"], outputs: ["y"] }],
    constants: { factor: { dtype: "float32", shape: [], values: [factor] } },
  });

test.each(LAYOUTS)(
  "each model answers for itself, in the %s layout",
  async layout => {
    for (const [name, factor] of [
      ["a", 2],
      ["b", 100],
    ] as const) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, "model.onnx"), times(factor));
    }
    const file = join(folder, "both.ensemble.ts");
    writeFileSync(
      file,
      `import { ensemble, predictOnnx, source } from "merlon";
const request = source({ x: "float32" });
const two = request >> predictOnnx("a/model.onnx", { outputs: { y: "two" } });
const hundred = request >> predictOnnx("b/model.onnx", { outputs: { y: "hundred" } });
const again = request >> predictOnnx("./a/model.onnx", { outputs: { y: "again" } });
export default ensemble("both", two + hundred + again);\n`,
    );
    const compiled = await compile(file);
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    const out = join(folder, layout);
    const { models } = build(compiled, out, { layout });
    expect(models.map(({ name }) => name).filter(name => name.endsWith("model"))).toEqual([
      "both_model",
      "both_b_model",
    ]);
    const server = await startServer(out);
    try {
      const { body } = await server.post("/v2/models/both/infer", {
        inputs: [{ name: "x", shape: [1, 1], datatype: "FP32", data: [3] }],
      });
      const { outputs } = body as { outputs: { name: string; data: number[] }[] };
      expect(Object.fromEntries(outputs.map(({ name, data }) => [name, data[0]]))).toEqual({
        two: 6,
        hundred: 300,
        again: 6,
      });
    } finally {
      await server.stop();
    }
  },
  60_000,
);
