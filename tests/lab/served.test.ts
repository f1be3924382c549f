/**
 * Every architecture of the lab, trained for a moment, exported, compiled with `merlon build` into one repository and served: scores are PyTorch's
 * within 1e-5. And a session model with raw item ids, through the workflow of its training.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import { withDuckdb, writeParquet } from "#shop/parquet.js";
import { merlon } from "../cli/merlon-command.js";
import { startServer } from "../runtime/server/support.js";
import { runLab } from "./lab-python.js";

interface Column {
  readonly dtype: string;
  readonly list: boolean;
  readonly rows: readonly (number | readonly number[])[];
}
interface Case {
  readonly file: string;
  readonly inputs: Readonly<Record<string, Column>>;
  readonly outputs: Readonly<Record<string, readonly (readonly number[])[]>>;
}

/** Exporting and compiling all takes minutes: `npm run lab:served`. `npm test` takes one of each backend. */
const ARCHITECTURES = (
  process.env.LAB_SERVED === "1"
    ? "mlp wide_and_deep deepfm dlrm dcn_v2 mmoe ple ncf mf two_tower youtube_dnn gru gpt2 xlnet als xgboost lightgbm"
    : "dcn_v2 xgboost"
).split(" ");
const folder = mkdtempSync(join(tmpdir(), "merlon-lab-served-"));
let server: Awaited<ReturnType<typeof startServer>>;
let expected: Readonly<Record<string, readonly Case[]>>;
let session: { readonly asked: readonly (readonly number[])[]; readonly answered: readonly (readonly number[])[] };

beforeAll(async () => {
  await writeSessions();
  const { code, said } = await runLab(["tests/make_served.py", folder, ...ARCHITECTURES]);
  if (code !== 0) throw new Error(said);
  expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
  session = JSON.parse(readFileSync(join(folder, "session.json"), "utf8"));
  for (const [name, cases] of Object.entries(expected))
    for (const [i, one] of cases.entries()) await buildInto(`${name}_${i}`, program(`${name}_${i}`, one));
  await run(
    "index",
    "build",
    "--data",
    "models/session/item_embeddings.parquet",
    "--id",
    "item_key",
    "--embedding",
    "item_embedding",
    "--factory",
    "Flat",
    "--metric",
    "ip",
    "--out",
    "items.faiss",
  );
  await buildInto(
    "next_item",
    `import { ensemble, predictOnnx, queryFaiss, source, transformWorkflow } from "merlon";
const request = source({ item_id: "list<int64>" });
const query = request >> transformWorkflow("etl") >> predictOnnx("models/session/query_tower.onnx");
export default ensemble("next_item", query["query_embedding"] >> queryFaiss("items.faiss", { topk: 5 }));`,
  );
  server = await startServer(join(folder, "repository"));
}, 900_000);
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<void> {
  const { status, err } = await merlon(folder, ...args);
  if (status !== 0) throw new Error(`merlon ${args.join(" ")}: ${err}`);
}

/** Sessions of raw ids that walk in steps of three, and each item as a session of one. */
async function writeSessions(): Promise<void> {
  await withDuckdb(async connection => {
    const walk =
      "SELECT list_transform(range(0, 3 + s % 7), lambda i: ((s * 7 + 3 * i) % 60) * 1000 + 7) AS item_id FROM range(300) t(s)";
    await writeParquet(connection, walk, join(folder, "raw-sessions.parquet"));
    await writeParquet(
      connection,
      "SELECT [i * 1000 + 7] AS item_id, i * 1000 + 7 AS item_key FROM range(60) t(i)",
      join(folder, "raw-items.parquet"),
    );
  });
  writeFileSync(
    join(folder, "session.workflow.ts"),
    `import { categorify, source, tagAsItemId, workflow } from "merlon";
const seen = source({ item_id: "list<int64>" });
export default workflow("session", seen["item_id"] >> categorify() >> tagAsItemId());`,
  );
  await run("fit", "session.workflow.ts", "--data", "raw-sessions.parquet", "--out", "etl");
  await run("transform", "etl", "--data", "raw-sessions.parquet", "--out", "encoded-sessions.parquet");
  await run("transform", "etl", "--data", "raw-items.parquet", "--out", "encoded-items.parquet", "--keep", "item_key");
}

/** The one line of DSL that serves a model. */
function program(name: string, { file, inputs }: Case): string {
  const columns = Object.entries(inputs).map(
    ([column, { dtype, list }]) => `${column}: "${list ? `list<${dtype}>` : dtype}"`,
  );
  const op = file.endsWith(".onnx")
    ? `predictOnnx("${file}")`
    : file.endsWith(".npz")
      ? `predictImplicit("${file}", { topk: 5 })`
      : `predictForest("${file}", { output: "score" })`;
  return `import { ensemble, predictForest, predictImplicit, predictOnnx, source } from "merlon";
export default ensemble("${name}", source({ ${columns.join(", ")} }) >> ${op});`;
}

async function buildInto(name: string, text: string): Promise<void> {
  const path = join(folder, `${name}.ensemble.ts`);
  writeFileSync(path, text);
  const compiled = await compile(path);
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  build(compiled, join(folder, "repository"));
}

async function infer(model: string, inputs: Readonly<Record<string, Column>>): Promise<Record<string, number[]>> {
  const ragged = Object.values(inputs).some(column => column.list);
  const response = await fetch(`http://127.0.0.1:${server.ports.http}/v2/models/${model}/infer`, {
    method: "POST",
    body: JSON.stringify({
      inputs: Object.entries(inputs).flatMap(([name, column]) => tensorsOf(name, column, ragged)),
    }),
  });
  const answer = (await response.json()) as { error?: string; outputs: { name: string; data: number[] }[] };
  expect(answer.error).toBeUndefined();
  return Object.fromEntries(answer.outputs.map(({ name, data }) => [name, data]));
}

/** A list travels as values and offsets; beside one, plain columns have no batch dimension. */
function tensorsOf(name: string, { dtype, list, rows }: Column, ragged: boolean): object[] {
  const datatype = { int64: "INT64", int32: "INT32", float32: "FP32" }[dtype];
  if (!list) return [{ name, datatype, shape: ragged ? [rows.length] : [rows.length, 1], data: rows }];
  const values = (rows as readonly (readonly number[])[]).flat();
  const offsets = [0];
  for (const row of rows as readonly (readonly number[])[]) offsets.push(offsets.at(-1)! + row.length);
  return [
    { name: `${name}__values`, datatype, shape: [values.length], data: values },
    { name: `${name}__offsets`, datatype: "INT32", shape: [offsets.length], data: offsets },
  ];
}

describe("the served score is PyTorch's", () => {
  it.each(ARCHITECTURES)("%s", async name => {
    const cases = expected[name]!;
    expect(cases.length).toBeGreaterThan(0);
    for (const [i, { inputs, outputs }] of cases.entries()) {
      const answered = await infer(`${name}_${i}`, inputs);
      for (const [output, rows] of Object.entries(outputs)) {
        const wanted = rows.flat();
        const seen = (answered[output] ?? answered[`${output}__values`])!;
        expect(seen.length, output).toBe(wanted.length);
        wanted.forEach((value, at) => {
          expect(Math.abs(seen[at]! - value) / Math.max(1, Math.abs(value)), `${output}[${at}]`).toBeLessThan(1e-5);
        });
        expect(new Set(wanted).size, "a constant proves nothing").toBeGreaterThan(1);
      }
    }
  });
});

describe("a session model behind its workflow", () => {
  it("takes raw item ids, and returns raw item ids: PyTorch's", async () => {
    const rows = session.asked;
    const answered = await infer("next_item", { item_id: { dtype: "int64", list: true, rows } });
    expect(answered.candidate_ids ?? answered.candidate_ids__values).toEqual(session.answered.flat());
  });
});
