// Models that no graph can take: too much for protobuf, another meaning in the graph's opset, control flow, integers beyond a dtype.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { lowered } from "#compiler/5-emit/build.js";
import { NotLoweredError } from "#compiler/5-emit/onnx/not-lowered.js";
import { bytesMember, message, stringField } from "#formats/bytes/wire-writer.js";
import { type OnnxModel, printOnnxModel } from "#formats/onnx/onnx-model.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { tensor } from "../../../runtime/server/served-plan.js";
import { compiledProgram, expectAlike, STOCK, serveForms } from "./both-servers.js";
import { SHOP, withoutTheRefused } from "./sample-programs.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-bad-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const freeze = { freeze: freezeFeatures };

/** A program in the folder, possibly with a model beside it. */
async function program(name: string, body: string) {
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(file, body.replace("export default ensemble(", `export default ensemble("${name}", `));
  return compiledProgram(file);
}

const MODEL = {
  name: "m",
  opsets: { "": 17 },
  inputs: [{ name: "x", dtype: "float32", shape: ["n", 1] }],
  outputs: [{ name: "y", dtype: "float32", shape: ["n", 1] }],
  nodes: [{ op: "Neg", inputs: ["x"], outputs: ["y"] }],
} as const satisfies OnnxModel;

function writeModel(name: string, model: OnnxModel): void {
  writeFileSync(join(folder, name), printOnnxModel(model));
}

const PREDICT = (models: readonly string[]) => `import { ensemble, predictOnnx, rename, source } from "merlon";
const request = source({ x: "float32" });
export default ensemble(${models.map((name, i) => `(request["x"] >> predictOnnx("${name}") >> rename({ name: "y${i}" }))`).join(" + ")});
`;

describe("a graph beyond protobuf's 2 GB, here as few kilobytes", () => {
  test.each([true, false])("is refused with the largest part and a way out; fused: %s", async fuse => {
    const shop = withoutTheRefused(await compiledProgram(SHOP));
    const built = () => lowered(shop, {}, { ...freeze, fuse, limit: 20_000 });
    expect(built).toThrowError(NotLoweredError);
    expect(built).toThrowError(
      /the graph `recommend\w*` takes 0\.0 GB, 0\.0 GB of them in `[\w./]+`, and one protobuf message ends at 2 GB\. Tables can be beside the graph, vocabularies cannot\.\n.*freqThreshold/,
    );
  });
});

describe("models that are inlined into one graph", () => {
  test("names collide: with the request's, with each other's, with those that the graph gives itself", async () => {
    // Inside, both call their values as the request and the other model call theirs.
    const collides = (weight: number): OnnxModel => ({
      ...MODEL,
      nodes: [
        { name: "x", op: "Mul", inputs: ["x", "constant"], outputs: ["y0"] },
        { name: "x 2", op: "Identity", inputs: ["y0"], outputs: ["request/x"] },
        { op: "Identity", inputs: ["request/x"], outputs: ["y"] },
      ],
      constants: { constant: { dtype: "float32", shape: [1], values: [weight] } },
    });
    writeModel("two.onnx", collides(2));
    writeModel("three.onnx", collides(3));
    const served = await serveForms([await program("collide", PREDICT(["two.onnx", "three.onnx"]))]);
    try {
      const x = [tensor("x", "float32", [2, 1], [1, -4])];
      const executor = await served.ask("executor", "collide", x);
      expect(executor).toMatchObject({ y0: { values: [2, -8] }, y1: { values: [3, -12] } });
      for (const form of STOCK) {
        expectAlike(await served.ask(form, "collide", x), executor, form);
        expectAlike(await served.askStock(form, "collide", x), executor, `${form}, stock`);
      }
    } finally {
      await served.stop();
    }
  });

  const branch = (name: string) =>
    bytesMember(5, message(stringField(1, name), bytesMember(6, stringField(2, "inner"))));
  test.each([
    ["If", ["then_branch", "else_branch"]],
    ["Loop", ["body"]],
    ["Scan", ["body"]],
  ] as const)(
    "%s is refused in one graph, at its operator; as a model of its own it is taken",
    async (op, attributes) => {
      const raw = message(stringField(1, "x"), stringField(2, "y"), stringField(4, op), ...attributes.map(branch));
      writeModel(`${op}.onnx`, { ...MODEL, nodes: [{ raw }] });
      const made = await program(`flow${op}`, PREDICT([`${op}.onnx`]));
      const fused = () => lowered(made, {}, { ...freeze, fuse: true });
      expect(fused).toThrowError(
        new RegExp(`${op}\\.onnx\` has control flow \\(\`${op}\`\\)[\\s\\S]*Build without \`--fuse\``),
      );
      const { models } = lowered(made, {}, freeze);
      expect(models.map(({ name }) => name)).toContain(`flow${op}_${op}`);
    },
  );

  test("an opset that the release does not read is refused in one graph, and names the model", async () => {
    writeModel("new.onnx", { ...MODEL, opsets: { "": 21 } });
    const made = await program("newer", PREDICT(["new.onnx"]));
    expect(() => lowered(made, {}, { ...freeze, fuse: true, release: "24.01" })).toThrowError(
      /needs opset 21 \(`.*new\.onnx` was exported with opset 21\), and Triton 24\.01 with ONNX Runtime 1\.16 reads up to 19/,
    );
    expect(lowered(made, {}, { ...freeze, fuse: true, release: "25.01" }).models).toHaveLength(1);
  });
});

test("an integer that the model's dtype cannot hold ends the request, in both", async () => {
  writeModel("narrow.onnx", {
    ...MODEL,
    inputs: [{ name: "x", dtype: "int32", shape: ["n", 1] }],
    outputs: [{ name: "y", dtype: "int32", shape: ["n", 1] }],
  });
  const made = await program("narrow", PREDICT(["narrow.onnx"]).replace('"float32"', '"int64"'));
  const served = await serveForms([made]);
  try {
    for (const [x, ends] of [
      [2n ** 31n - 1n, false],
      [2n ** 31n, true],
      [-(2n ** 63n), true],
    ] as const) {
      const asked = [tensor("x", "int64", [1, 1], [x])];
      const executor = await served.ask("executor", "narrow", asked);
      expect("error" in executor).toBe(ends);
      for (const form of STOCK) expectAlike(await served.askStock(form, "narrow", asked), executor, [form, x]);
    }
    const told = await served.askStock("fused", "narrow", [tensor("x", "int64", [1, 1], [2n ** 40n])]);
    expect(told).toEqual({ error: expect.stringMatching(/column x holds an integer that int32 can not hold/) });
  } finally {
    await served.stop();
  }
});
