/** A vocabulary that an author gave, as values or as a Parquet file → the vocabulary as a fit would learn it. Counts are 0 unless the file has them. */
import { resolve } from "node:path";
import type { Vocabulary } from "../../operators/categorify/kernel-vocabulary.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { allocate, type Values } from "../base/columns/table.js";
import { invalid } from "../base/errors.js";
import type { Database } from "./database.js";
import { readAll } from "./read-columns.js";
import { identifier, sqlType, text } from "./sql/literal.js";

type Given = readonly (string | number | boolean)[] | string;

/** @throws RuntimeFault for a value of another dtype, one given twice, or a file without the column */
export async function givenVocabulary(
  database: Database,
  given: Given,
  {
    step,
    name,
    dtype,
    base,
  }: { readonly step: string; readonly name: string; readonly dtype: DType; readonly base: string },
): Promise<Vocabulary> {
  const what = `step \`${step}\` (categorify), vocabulary \`${name}\`:`;
  const vocabulary =
    typeof given === "string"
      ? await readParquet(database, resolve(base, given), name, dtype, what)
      : fromValues(given, dtype, what);
  const seen = new Set<unknown>();
  for (const value of vocabulary.values) {
    if (seen.has(value)) throw invalid(`${what} \`${value}\` is given twice. A value has one id: give it once.`);
    seen.add(value);
  }
  return vocabulary;
}

function fromValues(given: readonly (string | number | boolean)[], dtype: DType, what: string): Vocabulary {
  const { kind, bytes } = datatype(dtype);
  const wanted = kind === "string" ? "string" : kind === "bool" ? "boolean" : "number";
  const values = allocate(dtype, given.length) as { [i: number]: unknown };
  for (const [i, value] of given.entries()) {
    const isWhole = kind === "float" || wanted !== "number" || Number.isSafeInteger(value);
    if (typeof value !== wanted || !isWhole)
      throw invalid(
        `${what} ${JSON.stringify(value)} is not a ${dtype}, the type of the column. Give values of the column's dtype.`,
      );
    values[i] =
      kind === "bool" ? Number(value) : kind !== "float" && bytes === 8 && wanted === "number" ? BigInt(value) : value;
  }
  return { dtype, values: values as unknown as Values, counts: new BigInt64Array(given.length) };
}

/** Merlin's files have a column of the vocabulary's name and one `NAME_size`; rows are in the order of their ids. */
async function readParquet(
  database: Database,
  file: string,
  name: string,
  dtype: DType,
  what: string,
): Promise<Vocabulary> {
  const found = await database.rows(
    `SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet(${text(file)}))`,
    `reading \`${file}\``,
  );
  const names = found.map(([column]) => String(column));
  if (!names.includes(name))
    throw invalid(`${what} \`${file}\` has no column \`${name}\`; it has ${names.map(n => `\`${n}\``).join(", ")}.`);
  const count = names.includes(`${name}_size`) ? `CAST(${identifier(`${name}_size`)} AS BIGINT)` : "0::BIGINT";
  const value = identifier(name);
  const [values, counts] = await readAll(
    database.connection,
    `SELECT CAST(${value} AS ${sqlType(dtype)}), ${count} FROM read_parquet(${text(file)}) WHERE ${value} IS NOT NULL`,
    [dtype, "int64"],
  );
  return { dtype, values: values!.values, counts: counts!.values as BigInt64Array };
}
