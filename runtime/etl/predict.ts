/**
 * An ONNX model and Parquet or CSV files → Parquet with the model's outputs, in batches. Embeds all items before an index is built.
 */
import { join } from "node:path";
import { DuckDBDataChunk, type DuckDBType, type DuckDBValue, listValue } from "@duckdb/node-api";
import * as ort from "onnxruntime-node";
import { readNamed } from "../../contract/files/file-fault.js";
import { type ColumnSchema, column } from "../../contract/schema.js";
import { StagingFolder } from "../../formats/folders/replace-folder.js";
import { type OnnxTensor, readOnnxSignature } from "../../formats/onnx/onnx.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { invalid, type RuntimeFault } from "../base/errors.js";
import { silenceOnnx } from "../base/onnx-telemetry.js";
import { type DataSource, findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, type OnProgress, openDatabase } from "./database.js";
import { type Keep, type KeptColumn, keptColumns } from "./kept-columns.js";
import { identifier, sqlType, text } from "./sql/literal.js";
import { moveFile, type Transformed } from "./transform.js";

export interface PredictOptions extends DatabaseOptions {
  /** Columns of the data to carry along, before the model's outputs. */
  readonly keep?: Keep;
}

/**
 * Runs a model over data. Each input takes the column of its name, and a pair `c__values` [n], `c__offsets` [rows + 1] takes a column `c`
 * of lists. An output of shape [rows] or [rows, 1] becomes a scalar column, [rows, n] a list column.
 * @throws RuntimeFault, OnnxFileError; `out` is then untouched
 */
export async function predictOnnx(
  model: string,
  data: string | readonly string[],
  out: string,
  options: PredictOptions = {},
): Promise<Transformed> {
  const signature = readNamed("the model", model, readOnnxSignature);
  const keep = keptColumns(
    options.keep ?? [],
    signature.outputs.map(({ name }) => name),
    "the model has an output",
  );
  const inputs = readInputs(model, signature.inputs);
  const outputs = signature.outputs.map(tensor => ({
    name: tensor.name,
    dtype: dtypeOf(model, tensor),
    list: (tensor.shape.length ?? 0) > 1 && tensor.shape[1] !== 1,
  }));
  silenceOnnx();
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4 }).catch(error => {
    throw invalid(`\`${model}\` cannot be loaded: ${(error as Error).message}`);
  });
  const database = await openDatabase(options);
  let staging: StagingFolder | undefined;
  try {
    const columns = inputs.map(input => input.column);
    const kept = keep.map(({ column }) => column);
    const source = await openData(database, await findData(database, data), columns, kept);
    staging = new StagingFolder(out);
    const file = join(staging.path, "data.parquet");
    const rows = await runBatches({
      database,
      session,
      model,
      inputs,
      outputs,
      keep,
      source,
      onProgress: options.onProgress,
    });
    const names = [
      ...keep.map(({ as }, i) => `k${i} AS ${identifier(as)}`),
      ...outputs.map(({ name }, i) => `o${i} AS ${identifier(name)}`),
    ];
    await database.run(`COPY (SELECT ${names.join(", ")} FROM predicted) TO ${text(file)} (FORMAT parquet)`, "writing");
    await moveFile(file, out);
    return { rows, files: [out] };
  } finally {
    staging?.dispose();
    await database.close();
    await session.release();
  }
}

/** A column, and the tensor that it fills, or the pair of them. */
interface Input {
  readonly column: ColumnSchema;
  readonly tensor: string;
  readonly offsets?: OnnxTensor;
}

interface Output {
  readonly name: string;
  readonly dtype: DType;
  readonly list: boolean;
}

interface Job {
  readonly database: Database;
  readonly session: ort.InferenceSession;
  readonly model: string;
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
  readonly keep: readonly KeptColumn[];
  readonly source: DataSource;
  readonly onProgress: OnProgress | undefined;
}

/** One run of the model per chunk that DuckDB hands over (2,048 rows); the answers gather in a table that spills to disk. */
async function runBatches({
  database,
  session,
  model,
  inputs,
  outputs,
  keep,
  source,
  onProgress,
}: Job): Promise<number> {
  const { connection } = database;
  const read = [...keep.map(({ column }) => identifier(column)), ...source.expressions].map((sql, i) =>
    i < keep.length ? `${sql} AS k${i}` : `${sql} AS i${i}`,
  );
  await database.run(
    `CREATE TEMP VIEW rows_read AS SELECT ${read.join(", ")} FROM ${source.relation}`,
    "reading the data",
  );
  const columns = [
    ...keep.map((_, i) => `k${i}`),
    ...outputs.map(({ dtype, list }, i) => `CAST(NULL AS ${sqlType(dtype)}${list ? "[]" : ""}) AS o${i}`),
  ];
  await database.run(
    `CREATE TEMP TABLE predicted AS SELECT ${columns.join(", ")} FROM rows_read LIMIT 0`,
    "reading the data",
  );
  const types: DuckDBType[] = (await connection.runAndReadAll("SELECT * FROM predicted LIMIT 0")).columnTypes();
  const appender = await connection.createAppender("predicted");
  // A connection streams one result at a time, and the appender has this one's.
  const result = await connection.stream("SELECT * FROM rows_read");
  let done = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const { rowCount } = chunk;
    const feeds = Object.fromEntries(
      inputs.flatMap((input, i) => inputTensors(input, chunk.getColumnValues(keep.length + i), done)),
    );
    const answers = await session.run(feeds).catch(error => {
      throw invalid(`\`${model}\` refused rows ${done} to ${done + rowCount - 1}: ${(error as Error).message}`);
    });
    const made = DuckDBDataChunk.create(types, rowCount);
    for (const i of keep.keys()) made.setColumnValues(i, chunk.getColumnValues(i));
    for (const [i, output] of outputs.entries())
      made.setColumnValues(keep.length + i, outputValues(model, output, answers[output.name]!, rowCount));
    appender.appendDataChunk(made);
    done += rowCount;
    onProgress?.({ doing: "predict", rows: done, totalRows: source.rows });
  }
  appender.closeSync();
  if (done === 0) throw invalid("the data has no rows. There is nothing to predict.");
  return done;
}

/** Lists of any length are two tensors, as `merlon-lab` exports them: their items one after the other, and where each list begins. */
function readInputs(model: string, tensors: readonly OnnxTensor[]): readonly Input[] {
  const known = new Map(tensors.map(tensor => [tensor.name, tensor]));
  return tensors.flatMap((tensor): Input[] => {
    const [, name, end] = /^(.+)__(values|offsets)$/.exec(tensor.name) ?? [];
    const values = known.get(`${name}__values`);
    const offsets = known.get(`${name}__offsets`);
    if (!name || !values || !offsets) return [{ column: inputColumn(model, tensor), tensor: tensor.name }];
    if (end === "offsets") return [];
    const odd = [values, offsets].find(one => one.shape.length !== 1);
    if (odd)
      throw invalid(
        `\`${model}\`: input \`${odd.name}\` has ${odd.shape.length} dimensions; a pair of values and offsets has one.`,
      );
    if (offsets.dtype !== "int32" && offsets.dtype !== "int64")
      throw invalid(`\`${model}\`: input \`${offsets.name}\` is ${offsets.dtype}; offsets are int32 or int64.`);
    const list = { min: 0, max: null };
    return [{ column: column(name, dtypeOf(model, values), { list }), tensor: values.name, offsets }];
  });
}

/** The column an input reads: a vector where the model fixes the second dimension above 1, else a scalar. */
function inputColumn(model: string, tensor: OnnxTensor): ColumnSchema {
  const { name, shape } = tensor;
  const dtype = dtypeOf(model, tensor);
  const width = shape[1];
  if (shape.length === 1 || (shape.length === 2 && width === 1))
    return column(name, dtype, { properties: { rank: shape.length } });
  if (shape.length === 2) {
    const bound = typeof width === "number" ? width : null;
    return column(name, dtype, { list: { min: bound ?? 0, max: bound }, properties: { rank: 2 } });
  }
  throw invalid(`\`${model}\`: input \`${name}\` has ${shape.length} dimensions; rows of a table fill one or two.`);
}

function dtypeOf(model: string, { name, dtype }: OnnxTensor): DType {
  if (dtype !== null && datatype(dtype).duckdb !== null) return dtype;
  throw invalid(
    `\`${model}\`: \`${name}\` is ${dtype ?? "of a type"} that a table cannot hold. Export the model with float32 there.`,
  );
}

function inputTensors(
  { column: col, tensor, offsets }: Input,
  values: readonly DuckDBValue[],
  start: number,
): [name: string, tensor: ort.Tensor][] {
  if (!offsets) return [[tensor, inputTensor(col, values, start)]];
  const ends = new Int32Array(values.length + 1);
  for (const [i, value] of values.entries()) ends[i + 1] = ends[i]! + items(value).length;
  const flat = values.flatMap(items);
  const missing = flat.indexOf(null);
  if (missing >= 0) throw nullFault(col, start + ends.findIndex(end => end > missing) - 1);
  const wide = offsets.dtype === "int64" ? BigInt64Array.from(ends, BigInt) : ends;
  return [
    [tensor, tensorOf(col.dtype, flat, [flat.length])],
    [offsets.name, new ort.Tensor(wide, [ends.length])],
  ];
}

const nullFault = ({ name }: ColumnSchema, row: number): RuntimeFault =>
  invalid(
    `column \`${name}\` is null in row ${row}, and a model takes no nulls. Put \`fillMissing\` before it in the workflow.`,
  );

function tensorOf(dtype: DType, flat: readonly DuckDBValue[], dims: readonly number[]): ort.Tensor {
  const { array } = datatype(dtype);
  const data = array ? Object.assign(new array(flat.length), flat) : (flat as string[]);
  return new ort.Tensor(dtype as "float32", data as Float32Array, dims);
}

function inputTensor(col: ColumnSchema, values: readonly DuckDBValue[], start: number): ort.Tensor {
  const { dtype, list, properties } = col;
  const width = list ? (list.max ?? items(values[0]!).length) : 1;
  const flat = list ? values.flatMap((value, i) => checkWidth(col, items(value), width, start + i)) : values;
  const missing = flat.indexOf(null);
  if (missing >= 0) throw nullFault(col, start + Math.floor(missing / width));
  return tensorOf(dtype, flat, properties.rank === 1 ? [values.length] : [values.length, width]);
}

function checkWidth(col: ColumnSchema, row: readonly DuckDBValue[], width: number, at: number): readonly DuckDBValue[] {
  if (row.length === width) return row;
  throw invalid(
    `column \`${col.name}\` has ${row.length} values in row ${at} and ${width} in the rows before. The model takes rows of one length.`,
  );
}

const items = (value: DuckDBValue): readonly DuckDBValue[] => (value as { items: readonly DuckDBValue[] }).items;

function outputValues(model: string, { name, dtype, list }: Output, tensor: ort.Tensor, rows: number): DuckDBValue[] {
  const data = tensor.data as unknown as {
    readonly length: number;
    slice(a: number, b: number): ArrayLike<DuckDBValue>;
    [i: number]: DuckDBValue;
  };
  if (tensor.dims[0] !== rows || (!list && data.length !== rows))
    throw invalid(
      `\`${model}\`: output \`${name}\` has the shape [${tensor.dims.join(", ")}] for ${rows} rows. Only outputs with one entry a row become columns.`,
    );
  const width = data.length / rows;
  const value = dtype === "bool" ? (x: DuckDBValue) => x === 1 || x === true : (x: DuckDBValue) => x;
  return Array.from({ length: rows }, (_, i) =>
    list ? listValue(Array.from(data.slice(i * width, (i + 1) * width), value)) : value(data[i]!),
  );
}
