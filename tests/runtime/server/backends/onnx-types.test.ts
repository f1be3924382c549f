// Models of every dtype of ONNX Runtime, served by an ensemble: values are equal to the byte in both directions, as scalars, vectors and
// lists.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import { packStrings } from "#runtime/base/strings.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { type DType, datatype } from "#triton-protos/datatype.js";
import { askBinary } from "../../../compiler/ask-binary.js";
import { tensor } from "../served-plan.js";
import { startServer } from "../support.js";

const EVERY = join(import.meta.dirname, "../../../fixtures/predict/every-type");
const DTYPES = [
  ...["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
  ...["float16", "float32", "float64", "string"],
] as readonly DType[];
const folder = mkdtempSync(join(tmpdir(), "merlon-onnx-types-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Told {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: string | readonly string[];
}
const rows = JSON.parse(readFileSync(join(EVERY, "rows.json"), "utf8")) as {
  readonly inputs: Readonly<Record<string, Told>>;
  readonly outputs: Readonly<Record<string, Told>>;
};
const asTensor = (name: string, { dtype, shape, data }: Told): Tensor => ({
  name,
  datatype: datatype(dtype).wire,
  shape,
  data: typeof data === "string" ? Buffer.from(data, "base64") : packStrings(data as string[]),
});

async function compileText(name: string, text: string) {
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(file, `import { ensemble, predictOnnx, source } from "merlon";\n${text}`);
  return compile(file);
}

async function served(name: string, text: string) {
  const compiled = await compileText(name, text);
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  const repository = join(folder, name);
  build(compiled, repository);
  return { repository, server: await startServer(repository) };
}

test("scalars, vectors, lists and tables of every dtype: what onnxruntime answers, with its weights in a folder below the model", async () => {
  const columns = DTYPES.flatMap(d => [`${d}_one: "${d}"`, `${d}_three: "${d}[3]"`, `${d}_list: "list<${d}>"`]);
  const { repository, server } = await served(
    "every",
    `const request = source({ pick: "int64", ${columns.join(", ")} });
export default ensemble("every", request >> predictOnnx(${JSON.stringify(join(EVERY, "every_type.onnx"))}));\n`,
  );
  expect(existsSync(join(repository, "every_every_type", "1", "weights", "tables.bin"))).toBe(true);
  const inputs = Object.entries(rows.inputs).map(([name, told]) => asTensor(name, told));
  // Scalars have no second dimension in the request, and the model has one.
  const request = inputs.map(t => (t.name.endsWith("_one") ? { ...t, shape: [3] } : t));
  // Runs that are synchronous from the second time on get values instead of bytes.
  const answers = [];
  for (let i = 0; i < 5; i++) answers.push(await askBinary(server.ports.http!, "every", request));
  await server.stop();
  const expected = Object.entries(rows.outputs).map(([name, told]) => {
    const { datatype, shape, data } = asTensor(name, told);
    return [name, [datatype, shape, Buffer.from(data).toString("hex")]];
  });
  expect(expected).toHaveLength(3 * DTYPES.length);
  for (const answer of answers) expect(answer).toEqual(Object.fromEntries(expected));
}, 60_000);

/** The accepted tensors for a column of each dtype: integers into wider integers or ids, floats into floats, bools into numbers. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  bool: ["bool", "int32", "int64", "float32", "float64"],
  ...Object.fromEntries(
    DTYPES.filter(dtype => /int/.test(dtype)).map(dtype => [dtype, [...new Set([dtype, "int32", "int64"])]]),
  ),
  ...Object.fromEntries(["float16", "float32", "float64"].map(d => [d, ["float16", "float32", "float64"]])),
  string: ["string"],
};

const CASTS = JSON.stringify(join(EVERY, "..", "casts.onnx"));
const from = (dtype: DType, options: string) =>
  `source({ ${dtype}: "${dtype}" }) >> predictOnnx(${CASTS}, { ${options} })`;

test("a column is not bound to a tensor of another meaning", async () => {
  for (const dtype of DTYPES) {
    const inputs = DTYPES.map(to => `${to}: "${dtype}"`);
    const text = `export default ensemble("x", ${from(dtype, `inputs: { ${inputs.join(", ")} }`)});\n`;
    const compiled = await compileText(`refused-${dtype}`, text);
    if (compiled.ok) throw new Error(`${dtype} goes everywhere`);
    expect(compiled.diagnostics.map(({ message }) => message)).toEqual(
      DTYPES.filter(to => !TAKEN[dtype]!.includes(to)).map(to =>
        expect.stringContaining(`needs column \`${dtype}\` as ${to},`),
      ),
    );
  }
}, 60_000);

test("lists of another dtype than a pair of tensors takes are refused", async () => {
  const columns = DTYPES.flatMap(d => [`${d}_one: "${d}"`, `${d}_three: "${d}[3]"`, `${d}_list: "list<${d}>"`]).map(
    text => text.replace('int64_list: "list<int64>"', 'int64_list: "list<string>"'),
  );
  const model = JSON.stringify(join(EVERY, "every_type.onnx"));
  const compiled = await compileText(
    "lists",
    `export default ensemble("x", source({ pick: "int64", ${columns.join(", ")} }) >> predictOnnx(${model}));\n`,
  );
  expect(compiled.diagnostics.map(({ message }) => message)).toEqual([
    expect.stringContaining("the values of `int64_list`, list<string>, are string, and tensor `int64_list__values`"),
  ]);
}, 60_000);

/** Two values of each dtype; 0.1 is another number in each float. */
const CELLS: Readonly<Record<string, readonly (number | bigint | string)[]>> = {
  ...Object.fromEntries(DTYPES.map(dtype => [dtype, /64/.test(dtype) ? [1n, 0n] : [1, 0]])),
  ...{ float16: [0x2e66, 0xc100], float32: [Math.fround(0.1), -2.5], float64: [0.1, -2.5], string: ["Ghent", ""] },
};
/** The value of a float of another dtype: a half is 0.0999755859375 ever after, a single 0.10000000149011612. */
const NARROWED: Readonly<Record<string, number>> = {
  float16: 0.0999755859375,
  float32: Math.fround(0.1),
  float64: 0.1,
};

function castTo(dtype: DType, to: DType): readonly (number | bigint | string)[] {
  if (dtype === to || to === "float16") return CELLS[to]!;
  if (dtype.startsWith("float")) return [NARROWED[dtype]!, -2.5];
  return CELLS[to]!.map((_, i) => (to === "int64" ? BigInt(1 - i) : 1 - i));
}

test("a cast column has its value; constants of every dtype replace unbound columns", async () => {
  const constants: Readonly<Record<string, unknown>> = {
    bool: true,
    string: "Ghent",
    float16: 0.1,
    float32: 0.1,
    float64: 0.1,
  };
  const calls = DTYPES.map(dtype => {
    const taken = DTYPES.filter(to => TAKEN[dtype]!.includes(to)).map(to => `${to}: "${dtype}"`);
    const rest = DTYPES.filter(to => !TAKEN[dtype]!.includes(to)).map(
      to => `${to}: ${JSON.stringify(constants[to] ?? 1)}`,
    );
    const outputs = DTYPES.map(to => `as_${to}: "${dtype}_as_${to}"`);
    return `(request["${dtype}"] >> predictOnnx(${CASTS}, { inputs: { ${taken.join(", ")} }, constants: { ${rest.join(", ")} }, outputs: { ${outputs.join(", ")} } }))`;
  });
  const source = `const request = source({ ${DTYPES.map(dtype => `${dtype}: "${dtype}"`).join(", ")} });`;
  const { server } = await served("casts", `${source}\nexport default ensemble("casts", ${calls.join(" + ")});\n`);
  const request = DTYPES.map(dtype => tensor(dtype, dtype, [2, 1], CELLS[dtype]!));
  const answer = await askBinary(server.ports.http!, "casts", request);
  await server.stop();
  const told = Object.fromEntries(
    DTYPES.flatMap(dtype =>
      DTYPES.map(to => {
        const first = CELLS[to]![0]!;
        const cells = TAKEN[dtype]!.includes(to) ? castTo(dtype, to) : [first, first];
        const name = `${dtype}_as_${to}`;
        const { datatype, shape, data } = tensor(name, to, [2, 1], cells);
        return [name, [datatype, shape, Buffer.from(data).toString("hex")]];
      }),
    ),
  );
  expect(answer).toEqual(told);
}, 60_000);
