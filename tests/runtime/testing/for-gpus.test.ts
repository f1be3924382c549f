// A repository written for GPUs, as deployments have them, under test on a machine without one: real answers of its ONNX models, from the CPU.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTestServer } from "#runtime/testing/create-test-server.js";

const ARTEFACTS = join(import.meta.dirname, "../../samples/artefacts/models");
const folder = mkdtempSync(join(tmpdir(), "merlon-for-gpus-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ACCELERATED =
  'optimization { execution_accelerators { gpu_execution_accelerator [ { name: "tensorrt" parameters { key: "precision_mode" value: "FP16" } } ] } }';

/** An ensemble of a Python model without its Python and an ONNX model, both for GPUs 0 and 1. */
function repository(): string {
  const out = mkdtempSync(join(folder, "repository-"));
  const write = (model: string, config: string): void => {
    mkdirSync(join(out, model, "1"), { recursive: true });
    writeFileSync(join(out, model, "config.pbtxt"), config);
  };
  const gpus = "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]";
  const io = (side: string, name: string, dims: number) =>
    `${side} { name: "${name}" data_type: TYPE_FP32 dims: ${dims} }\n`;
  write("ranker", `backend: "onnxruntime"\n${gpus}\n${ACCELERATED}\n`);
  cpSync(join(ARTEFACTS, "ranker.onnx"), join(out, "ranker", "1", "model.onnx"));
  write("words", `backend: "python"\nmax_batch_size: 4\n${gpus}\n${io("input", "x", 1)}${io("output", "y", 1)}`);
  return out;
}

describe("models of KIND_GPU", () => {
  test("with `mockMissing` run on the CPU if they can, keep their configuration, and are mocked if they can't", async () => {
    await using server = await createTestServer(repository(), { mockMissing: true });
    expect(server.mocked.map(({ model }) => model)).toEqual(["words"]);
    expect(server.log.join("")).toContain("the instances of 'ranker' for GPUs run on the CPU");
    expect(server.log.join("")).not.toContain("(GPU device");
    const { config, infer } = await callsOf(server);
    expect(config.instance_group).toMatchObject([{ kind: "KIND_GPU", gpus: [0, 1] }]);
    await using plain = await createTestServer(repository(), { mockMissing: true, serve: { gpu: "cpu" } });
    const answers = await infer();
    expect(new Set(answers).size).toBe(2);
    expect(await (await callsOf(plain)).infer()).toEqual(answers);
  });
  test('`gpu: "none"` refuses them, and the error has each reason once, with the advice', async () => {
    const failing = createTestServer(repository(), { mockMissing: true, serve: { gpu: "none" } });
    const { message } = (await failing.catch((error: unknown) => error)) as Error;
    const reasons = message.split("\n  ").slice(1);
    expect(reasons).toEqual([
      "failed to load 'ranker' version 1: Invalid argument: instance group ranker_0 of model ranker has kind KIND_GPU but server does not support GPUs",
      "no GPU for 'ranker': they are off, by `--gpu none`.",
    ]);
  });
  test("without `mockMissing` the advice names the choice that runs them here", async () => {
    await using server = await createTestServer(repository(), { serve: { gpu: "cpu", exitOnError: false } });
    const { infer } = await callsOf(server);
    expect(await infer()).toHaveLength(2);
  });
});

/** The configuration that the server shows of `ranker`, and a request of two rows to it. */
async function callsOf(server: Awaited<ReturnType<typeof createTestServer>>) {
  const get = async (path: string) => (await fetch(`${server.http}/v2/models/ranker${path}`)).json();
  const config = (await get("/config")) as { readonly instance_group: readonly object[] };
  return {
    config,
    async infer(): Promise<readonly number[]> {
      const { "purchase/binary_output": output } = await server.infer("ranker", { item_id: [3, 5], age: [30, 0.5] });
      return [...(output!.data as Float32Array)];
    },
  };
}
