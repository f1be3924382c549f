// Models of scikit-learn, converted by skl2onnx, served by an ensemble: the predictions are scikit-learn's own, which computes in float64.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import { startServer } from "../support.js";

const FIXTURES = join(import.meta.dirname, "../../../fixtures/scikit-learn");
const { rows, cases } = JSON.parse(readFileSync(join(FIXTURES, "cases.json"), "utf8")) as {
  readonly rows: Readonly<Record<"age" | "price" | "visits" | "city", readonly (number | string)[]>>;
  readonly cases: readonly {
    readonly name: string;
    readonly answers: Readonly<Record<string, readonly (number | string | readonly number[])[]>>;
  }[];
};
const folder = mkdtempSync(join(tmpdir(), "merlon-scikit-learn-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("predictions are scikit-learn's own: columns by name, text among them, and matrices", async () => {
  // Pipelines take the columns by name, the others one matrix of numbers.
  const calls = cases.map(({ name, answers }) => {
    const outputs = Object.keys(answers).map(key => `${key}: "${name}_${key}"`);
    const stack = name === "logistic" || name === "segments" ? "" : ', stack: { X: ["age", "price", "visits"] }';
    const path = JSON.stringify(join(FIXTURES, `${name}.onnx`));
    return `const ${name} = request >> predictOnnx(${path}, { outputs: { ${outputs.join(", ")} }${stack} });`;
  });
  const file = join(folder, "learnt.ensemble.ts");
  writeFileSync(
    file,
    `import { ensemble, lambdaOp, predictOnnx, source } from "merlon";
const request = source({ age: "float32", price: "float32", visits: "int64", city: "string" });
${calls.join("\n")}
const likes = logistic["logistic_probabilities"] >> lambdaOp(p => p[1], { name: "likes", dtype: "float32" });
export default ensemble("learnt", ${cases.map(({ name }) => name).join(" + ")} + likes);
`,
  );
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  build(compiled, join(folder, "repository"));
  const server = await startServer(join(folder, "repository"));
  const count = rows.age.length;
  const input = (name: keyof typeof rows, datatype: string) => ({
    name,
    datatype,
    shape: [count, 1],
    data: rows[name],
  });
  const { status, body } = await server.post("/v2/models/learnt/infer", {
    inputs: [input("age", "FP32"), input("price", "FP32"), input("visits", "INT64"), input("city", "BYTES")],
  });
  await server.stop();
  expect(`${status} ${(body as { error?: string }).error ?? ""}`).toBe("200 ");
  const { outputs } = body as { outputs: { name: string; data: (number | string)[] }[] };
  const dataOf = (name: string) => outputs.find(output => output.name === name)!.data;
  for (const { name, answers } of cases)
    for (const [key, expected] of Object.entries(answers)) {
      const data = dataOf(`${name}_${key}`);
      expect(data).toHaveLength(expected.flat().length);
      expected.flat().forEach((value, i) => {
        const what = `${name}_${key}[${i}]: ${data[i]} for ${value}`;
        if (typeof value === "string" || key === "label") expect(data[i], what).toBe(value);
        else expect(Math.abs((data[i] as number) - value) / Math.max(1, Math.abs(value)), what).toBeLessThan(1e-5);
      });
      // A test that a constant would pass says nothing.
      expect(new Set(data).size).toBeGreaterThan(1);
    }
  expect(dataOf("likes")).toEqual(dataOf("logistic_probabilities").filter((_, i) => i % 2 === 1));
}, 60_000);
