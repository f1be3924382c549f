/** A model in HugeCTR's files: its sparse part as embedding tables, its dense part as its ONNX converter writes it; answers are numpy's. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BuildOptions, build, compile, printDiagnostics } from "#compiler/index.js";
import { importHugectrTable } from "#runtime/etl/embedding-table.js";
import { startServer } from "../../server/support.js";

const FIXTURES = join(import.meta.dirname, "../../../fixtures/hugectr");
const { wide, deep, dense, output } = JSON.parse(readFileSync(join(FIXTURES, "cases.json"), "utf8")) as Record<
  "wide" | "deep" | "dense",
  readonly (readonly number[])[]
> & { readonly output: readonly number[] };
const folder = mkdtempSync(join(tmpdir(), "merlon-hugectr-"));
const servers: { stop(): Promise<unknown> }[] = [];

beforeAll(() => {
  cpSync(FIXTURES, folder, { recursive: true });
  for (const [i, name, dimension] of [
    [0, "wide", 1],
    [1, "deep", 4],
  ] as const)
    expect(importHugectrTable(join(folder, `wdc${i}_sparse_2000.model`), join(folder, name)).dimension).toBe(dimension);
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const COLUMNS = ["wide0", "wide1", "deep0", "deep1", "deep2"];
const REQUEST = `import { ensemble, predictOnnx, queryEmbedding, source } from "merlon";
const request = source({ ${COLUMNS.map(name => `${name}: "int64"`).join(", ")}, dense: "float32[3]" });`;
const PROGRAMS = {
  "its embeddings inside": `${REQUEST}
export default ensemble("m", request >> predictOnnx("wdc.onnx", {
  stack: { wide_data: ["wide0", "wide1"], deep_data: ["deep0", "deep1", "deep2"] },
}));`,
  "its embeddings in tables": `${REQUEST}
const vectors = request["dense"]
${COLUMNS.map(name => `  + (request["${name}"] >> queryEmbedding("${name.slice(0, 4)}", { name: "${name}_vector", onMissing: "error" }))`).join("\n")};
export default ensemble("m", vectors >> predictOnnx("wdc-dense.onnx", {
  stack: {
    sparse_embedding2: ["wide0_vector", "wide1_vector"],
    sparse_embedding1: ["deep0_vector", "deep1_vector", "deep2_vector"],
  },
}));`,
};
const TARGETS: Record<string, BuildOptions> = {
  "in the executor": {},
  "in an ensemble of models": { layout: "ensemble" },
  "lowered to ONNX": { triton: {} as never },
};

test.each(Object.keys(PROGRAMS).flatMap(form => Object.keys(TARGETS).map(target => [form, target] as const)))(
  "%s, %s",
  async (form, target) => {
    const program = join(folder, "m.ensemble.ts");
    writeFileSync(program, PROGRAMS[form as keyof typeof PROGRAMS]);
    const compiled = await compile(program);
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    const out = mkdtempSync(join(folder, "repository-"));
    build(compiled, out, TARGETS[target]);
    const server = await startServer(out);
    servers.push(server);
    const rows = output.length;
    const ids = [
      ...[0, 1].map(slot => wide.map(row => row[slot]!)),
      ...[0, 1, 2].map(slot => deep.map(row => row[slot]!)),
    ];
    const inputs = [
      ...COLUMNS.map((name, i) => ({ name, datatype: "INT64", shape: [rows, 1], data: ids[i] })),
      { name: "dense", datatype: "FP32", shape: [rows, 3], data: dense.flat() },
    ];
    const response = await fetch(`http://127.0.0.1:${server.ports.http}/v2/models/m/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs }),
    });
    const answer = (await response.json()) as { error?: string; outputs: { name: string; data: number[] }[] };
    expect(answer.error).toBeUndefined();
    const seen = answer.outputs.find(({ name }) => name === "output")!.data;
    output.forEach((value, i) => {
      expect(Math.abs(seen[i]! - value)).toBeLessThan(1e-6);
    });
  },
);
