/**
 * A repository that is rebuilt under a polling server. The plan and its models are replaced together. No request mixes the old vocabulary
 * with new scores, and none fails because a model's tensors have new names.
 */
import { cpSync } from "node:fs";
import { expect, test } from "vitest";
import { printPlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { replaceFolder } from "#formats/folders/replace-folder.js";
import { repository, startServer } from "../support.js";

const tensors = (direction: string, names: readonly string[]): string =>
  names.map(name => `${direction} { name: "${name}" data_type: TYPE_FP32 dims: [ 1 ] }`).join("\n");
const config = (name: string, backend: string, inputs: readonly string[], outputs: readonly string[]): string =>
  `name: "${name}"\nbackend: "${backend}"\nmax_batch_size: 8\n${tensors("input", inputs)}\n${tensors("output", outputs)}\n`;

const tensorOf = (number: number): string => (number % 2 === 0 ? "x" : "z");

/** Takes as long to load as it says, and answers the number it was built with; its input has another name in every other build. */
const model = (number: number, loadMs: number): string => `
export const initialize = () => new Promise(resolve => setTimeout(resolve, ${loadMs}));
export const execute = requests => requests.map(({ inputs: { ${tensorOf(number)}: x } }) => ({
  outputs: [{ ...x, name: "y", data: new Float32Array(x.data.length).fill(${number}) }] }));`;

const SIDES = ["left", "right"];
const build = (number: number): string =>
  repository([], {
    ...Object.fromEntries(
      SIDES.flatMap((name, i) => [
        [`${name}/config.pbtxt`, config(name, "javascript", [tensorOf(number)], ["y"])],
        [`${name}/1/model.mjs`, model(number, i * 60)],
      ]),
    ),
    "plan/config.pbtxt": config("plan", "merlon", ["x"], SIDES),
    "plan/1/plan.json": printPlan({
      format: "merlon/plan",
      version: 1,
      kind: "ensemble",
      name: "plan",
      inputs: [column("x", "float32")],
      steps: SIDES.map(id => ({
        ...{ id, op: "predictOnnx" as const, label: `${id}${number}` },
        params: { path: `${id}.onnx`, model: id, inputs: { [tensorOf(number)]: "x" }, outputs: { [id]: "y" } },
        inputs: { input: [{ name: "x", step: "request", column: "x" }] },
        outputs: [column(id, "float32")],
      })),
      outputs: SIDES.map(name => ({ ref: { name, step: name, column: name }, schema: column(name, "float32") })),
    }),
  });

test("a plan and its models take their places together, without a fault", { timeout: 60_000 }, async () => {
  const folder = build(0);
  const server = await startServer(folder, { modelControlMode: "poll", repositoryPollSeconds: 0.05 });
  const met: number[][] = [];
  let stop = false;
  const ask = async (): Promise<void> => {
    const inputs = [{ name: "x", shape: [1, 1], datatype: "FP32", data: [0] }];
    while (!stop) {
      const { status, body } = await server.post("/v2/models/plan/infer", { inputs });
      expect({ status, body }).toMatchObject({ status: 200 });
      const { outputs } = body as { outputs: readonly { data: readonly number[] }[] };
      met.push(outputs.map(({ data }) => data[0]!));
    }
  };
  const asking = [ask(), ask(), ask()];
  try {
    for (let number = 1; number <= 6; number++) {
      const staging = `${folder}-next`;
      cpSync(build(number), staging, { recursive: true });
      replaceFolder(staging, folder);
      await expect.poll(() => met.at(-1), { timeout: 20_000 }).toEqual([number, number]);
    }
  } finally {
    stop = true;
    await Promise.all(asking);
    await server.stop();
  }
  expect(met.filter(([left, right]) => left !== right)).toEqual([]);
  expect(new Set(met.map(([left]) => left))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
});
