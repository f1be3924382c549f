// `merlon stamp` notes a model's fit and index in its file. The compiler then refuses another fit, and another index.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readForest } from "#compiler/forest/read-forest.js";
import { compile } from "#compiler/index.js";
import { readOnnxSignature } from "#formats/onnx/onnx.js";
import { readNotes } from "#formats/onnx/onnx-notes.js";
import { fitCells, inFolder } from "../runtime/etl/run-workflow.js";
import { workflowPlan } from "../runtime/etl/workflow-plan.js";
import { merlon } from "./merlon-command.js";

const TREE = join(import.meta.dirname, "..");
const TOWER = join(TREE, "samples/artefacts/models/query_tower.onnx");
const FORESTS = ["fixtures/forest/xgboost-3.2-missing.json", "samples/artefacts/models/lightgbm-multiclass.txt"];

const plan = () =>
  workflowPlan({ age: "float32", city: "string", town: "string" }, [
    { op: "categorify", columns: ["city"] },
    { op: "categorify", columns: ["town"] },
  ]);
const fitOn = (folder: string, city: readonly string[], town = ["p", "p", "q"]) =>
  fitCells(folder, plan(), { age: city.map(() => 1), city, town });

const HEAD = `import { ensemble, predictOnnx, queryFaiss, source, transformWorkflow } from "merlon";
const request = source({ age: "float32", city: "string", town: "string" });
const user = request >> transformWorkflow("fitted");
`;

/** Codes and texts of the compiler's reports. */
async function found(folder: string, body: string): Promise<string[]> {
  writeFileSync(join(folder, "main.ensemble.ts"), HEAD + body);
  const { diagnostics } = await compile(join(folder, "main.ensemble.ts"));
  return diagnostics.map(({ code, message, help }) => `${code}: ${message} ${help}`);
}

const predict = (options = "") => `export default ensemble("x", user >> predictOnnx("tower.onnx"${options}));\n`;

test("a stamped model is refused after another fit, and an unstamped one is warned of", async () => {
  await inFolder(async folder => {
    await fitOn(folder, ["x", "x", "y"]);
    copyFileSync(TOWER, join(folder, "tower.onnx"));
    const unstamped = await found(folder, predict());
    expect(unstamped).toEqual([expect.stringMatching(/^onnx\/unstamped: .*`city` has ids of one/)]);
    const [, command] = /`merlon (stamp [^`]*)`/.exec(unstamped[0]!)!;
    expect(await merlon(folder, ...command!.split(" "))).toMatchObject({
      status: 0,
      out: expect.stringMatching(/✔ Stamped tower.onnx\n.*city +5 ids +sha256:[0-9a-f]{12}/),
    });
    expect(await found(folder, predict())).toEqual([]);
    // The graph and its weights are as they were.
    const { cardinalities, vocabularies, ...rest } = readOnnxSignature(join(folder, "tower.onnx"));
    expect(rest).toEqual({ ...readOnnxSignature(TOWER) });
    expect([cardinalities, Object.keys(vocabularies!)]).toEqual([{ city: 5 }, ["city"]]);
    // As many ids of another column.
    expect(await found(folder, predict(', { inputs: { city: "town" } }'))).toEqual([
      expect.stringMatching(/^onnx\/other-fit: .*`town`.*for other values/),
    ]);
    await fitOn(folder, ["x", "y", "y"]);
    expect(await found(folder, predict())).toEqual([expect.stringMatching(/^onnx\/other-fit: .*`city`/)]);
    // The note of the model's next training takes the place of the last one.
    expect((await merlon(folder, "stamp", "tower.onnx", "--workflow", "fitted")).status).toBe(0);
    expect(await found(folder, predict())).toEqual([]);
    expect(JSON.parse(readNotes(readFileSync(join(folder, "tower.onnx"))).get("merlin.schema")!)).toHaveLength(1);
  });
});

test.each(FORESTS)("a forest is stamped in its own file: %s", async file => {
  await inFolder(async folder => {
    const model = `model${file.slice(file.lastIndexOf("."))}`;
    copyFileSync(join(TREE, file), join(folder, model));
    const before = readForest(join(folder, model));
    const name = before.names[0]!;
    const workflow = workflowPlan({ [name]: "string" }, [{ op: "categorify", columns: [name] }]);
    await fitCells(folder, workflow, { [name]: ["x", "x", "y"] });
    const stamp = () => merlon(folder, "stamp", model, "--workflow", "fitted");
    expect((await stamp()).status).toBe(0);
    expect((await stamp()).out).toMatch(new RegExp(`${name} +5 ids +sha256:`));
    const { trained, ...after } = readForest(join(folder, model));
    expect(trained).toMatchObject({
      cardinalities: { [name]: 5 },
      vocabularies: { [name]: expect.stringMatching(/^sha256:/) },
    });
    const { trained: _, ...own } = before;
    expect(after).toEqual(own);
    const program = `import { ensemble, predictForest, source, transformWorkflow } from "merlon";
const request = source({ ${before.names.map((one, i) => `${one}: "${i === 0 ? "string" : "float32"}"`).join(", ")} });
const features = request[${JSON.stringify(before.names.slice(1))}] + (request["${name}"] >> transformWorkflow("fitted"));
export default ensemble("x", features >> predictForest("${model}"));
`;
    const codes = async (): Promise<string[]> => {
      writeFileSync(join(folder, "main.ensemble.ts"), program);
      return (await compile(join(folder, "main.ensemble.ts"))).diagnostics.map(({ code }) => code);
    };
    expect(await codes()).toEqual([]);
    await fitCells(folder, workflow, { [name]: ["x", "y", "y"] });
    expect(await codes()).toEqual(["onnx/other-fit"]);
    copyFileSync(join(TREE, file), join(folder, model));
    expect(await codes()).toEqual(["onnx/unstamped"]);
  });
});
