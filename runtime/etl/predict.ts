/**
 * An ONNX model and Parquet or CSV files -> Parquet with the model's outputs, in batches. What embeds all items before an index is built.
 */
import { join } from "node:path";
import { DuckDBDataChunk, type DuckDBType, type DuckDBValue, listValue } from "@duckdb/node-api";
import * as ort from "onnxruntime-node";
import { type OnnxTensor, readOnnxSignature } from "../../triton-protos/artefacts/onnx.js";
import { StagingFolder } from "../../triton-protos/artefacts/replace-folder.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { type ColumnSchema, column } from "../../triton-protos/schema.js";
import { RuntimeFault } from "../errors.js";
import { silenceOnnx } from "../onnx-telemetry.js";
import { type DataSource, findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, type OnProgress, openDatabase } from "./database.js";
import { identifier, sqlType, text } from "./sql/literal.js";
import { moveFile, type Transformed } from "./transform.js";

export interface PredictOptions extends DatabaseOptions {
  /** Columns of the data to carry along, before the model's outputs. */
  readonly keep?: readonly string[];
  readonly onProgress?: OnProgress;
}

/**
 * Runs a model over data. Each input takes the column of its name; an output of shape [rows] or [rows, 1] becomes a scalar column,
 * [rows, n] a list column.
 * @throws RuntimeFault, OnnxFileError; `out` is then untouched
 */
export async function predictOnnx(
  model: string,
  data: string | readonly string[],
  out: string,
  options: PredictOptions = {},
): Promise<Transformed> {
  const signature = readOnnxSignature(model);
  const keep = [...new Set(options.keep ?? [])];
  const clash = keep.find(name => signature.outputs.some(output => output.name === name));
  if (clash !== undefined) throw fault(`column \`${clash}\` cannot be kept: the model has an output of that name.`);
  const inputs = signature.inputs.map(tensor => inputColumn(model, tensor));
  const outputs = signature.outputs.map(tensor => ({
    name: tensor.name,
    dtype: dtypeOf(model, tensor),
    list: (tensor.shape.length ?? 0) > 1 && tensor.shape[1] !== 1,
  }));
  silenceOnnx();
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4 }).catch(error => {
    throw fault(`\`${model}\` cannot be loaded: ${(error as Error).message}`);
  });
  const database = await openDatabase(options);
  let staging: StagingFolder | undefined;
  try {
    const source = await openData(database, await findData(database, data), inputs, keep);
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
      ...keep.map((name, i) => `k${i} AS ${identifier(name)}`),
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

interface Output {
  readonly name: string;
  readonly dtype: DType;
  readonly list: boolean;
}

interface Job {
  readonly database: Database;
  readonly session: ort.InferenceSession;
  readonly model: string;
  readonly inputs: readonly ColumnSchema[];
  readonly outputs: readonly Output[];
  readonly keep: readonly string[];
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
  const read = [...keep.map(identifier), ...source.expressions].map((sql, i) =>
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
      inputs.map((col, i) => [col.name, inputTensor(col, chunk.getColumnValues(keep.length + i), done)]),
    );
    const answers = await session.run(feeds).catch(error => {
      throw fault(`\`${model}\` refused rows ${done} to ${done + rowCount - 1}: ${(error as Error).message}`);
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
  if (done === 0) throw fault("the data has no rows. There is nothing to predict.");
  return done;
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
  throw fault(`\`${model}\`: input \`${name}\` has ${shape.length} dimensions; rows of a table fill one or two.`);
}

function dtypeOf(model: string, { name, dtype }: OnnxTensor): DType {
  if (dtype !== null && datatype(dtype).duckdb !== null) return dtype;
  throw fault(
    `\`${model}\`: \`${name}\` is ${dtype ?? "of a type"} that a table cannot hold. Export the model with float32 there.`,
  );
}

function inputTensor(col: ColumnSchema, values: readonly DuckDBValue[], start: number): ort.Tensor {
  const { name, dtype, list, properties } = col;
  const width = list ? (list.max ?? items(values[0]!).length) : 1;
  const flat = list ? values.flatMap((value, i) => checkWidth(col, items(value), width, start + i)) : values;
  const missing = flat.indexOf(null);
  if (missing >= 0)
    throw fault(
      `column \`${name}\` is null in row ${start + Math.floor(missing / width)}, and a model takes no nulls. Put \`fillMissing\` before it in the workflow.`,
    );
  const dims = properties.rank === 1 ? [values.length] : [values.length, width];
  const { array } = datatype(dtype);
  const data = array ? Object.assign(new array(flat.length), flat) : (flat as string[]);
  return new ort.Tensor(dtype as "float32", data as Float32Array, dims);
}

function checkWidth(col: ColumnSchema, row: readonly DuckDBValue[], width: number, at: number): readonly DuckDBValue[] {
  if (row.length === width) return row;
  throw fault(
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
    throw fault(
      `\`${model}\`: output \`${name}\` has the shape [${tensor.dims.join(", ")}] for ${rows} rows. Only outputs with one entry a row become columns.`,
    );
  const width = data.length / rows;
  const value = dtype === "bool" ? (x: DuckDBValue) => x === 1 || x === true : (x: DuckDBValue) => x;
  return Array.from({ length: rows }, (_, i) =>
    list ? listValue(Array.from(data.slice(i * width, (i + 1) * width), value)) : value(data[i]!),
  );
}

const fault = (message: string): RuntimeFault => new RuntimeFault("INVALID_ARGUMENT", message);
