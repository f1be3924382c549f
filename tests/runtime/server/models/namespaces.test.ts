/**
 * Namespaces in mode poll: the steps and the expectations of NVIDIA's own test of dynamic resolution (qa/L0_model_namespacing).
 */
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startServer } from "../support.js";

const scale = (factor: number): string =>
  `export const execute = requests =>\n  requests.map(({ inputs }) => ({\n    outputs: [{ name: "OUTPUT0", datatype: "FP32", shape: [2], data: inputs.INPUT0.data.map(value => value * ${factor}) }],\n  }));\n`;
const TENSORS = `max_batch_size: 0\ninput [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 2 ] } ]\noutput [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 2 ] } ]\n`;

function lay(root: string, model: string, config: string, module?: string): void {
  mkdirSync(join(root, model, "1"), { recursive: true });
  writeFileSync(join(root, model, "config.pbtxt"), `name: "${model}"\n${config}${TENSORS}`);
  if (module) writeFileSync(join(root, model, "1", "model.mjs"), module);
}

test("an ensemble switches to the other repository's member when its own is removed, and back when it returns", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-namespaces-"));
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  const ensemble = `platform: "ensemble"\nensemble_scheduling { step [ { model_name: "member" model_version: -1 input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "OUTPUT0" } } ] }\n`;
  for (const [root, name, factor] of [
    [first, "one", 2],
    [second, "two", 10],
  ] as const) {
    lay(root, "member", `backend: "javascript"\n`, scale(factor));
    lay(root, name, ensemble);
  }
  const server = await startServer(first, {
    modelRepositories: [first, second],
    modelNamespacing: true,
    modelControlMode: "poll",
    repositoryPollSeconds: 0.1,
  });
  const ask = async (model: string): Promise<unknown> => {
    const { body } = await server.post(`/v2/models/${model}/infer`, {
      inputs: [{ name: "INPUT0", datatype: "FP32", shape: [2], data: [1, 2] }],
    });
    const { outputs, error } = body as { outputs?: { data: number[] }[]; error?: string };
    return outputs?.[0]?.data ?? error;
  };
  try {
    expect([await ask("one"), await ask("two")]).toEqual([
      [2, 4],
      [10, 20],
    ]);
    expect(await ask("member")).toMatch(/ambiguity/);
    renameSync(join(first, "member"), join(folder, "aside"));
    await expect.poll(() => ask("one"), { timeout: 10_000 }).toEqual([10, 20]);
    expect([await ask("two"), await ask("member")]).toEqual([
      [10, 20],
      [10, 20],
    ]);
    cpSync(join(folder, "aside"), join(first, "member"), { recursive: true });
    await expect.poll(() => ask("one"), { timeout: 10_000 }).toEqual([2, 4]);
    expect(await ask("two")).toEqual([10, 20]);
    expect(await ask("member")).toMatch(/ambiguity/);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
