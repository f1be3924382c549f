/** A batch → the pages of each column of its model's exposure files. */
import { createHmac } from "node:crypto";
import { EXPOSURE_COLUMNS, type ExposureColumnName } from "../../../contract/exposures.js";
import {
  encodePage,
  type Page,
  type PageValues,
  type ParquetColumn,
  type Texts,
} from "../../../formats/tables/parquet-page.js";
import { type Batch, type LoggedModel, sourceBytes } from "./batch.js";

/** The columns of a model's files. */
export const columnsOf = ({ textItems, kept }: Pick<LoggedModel, "textItems" | "kept">): readonly ParquetColumn[] => [
  ...EXPOSURE_COLUMNS.map(({ name, type, nullable }): ParquetColumn => {
    const item = textItems ? "string" : "int64";
    const dtype = {
      VARCHAR: "string",
      INTEGER: "int32",
      BIGINT: "int64",
      DOUBLE: "float64",
      TIMESTAMP: "int64",
      "VARCHAR[]": "string",
      id: item,
    } as const;
    return { name, dtype: dtype[type], nullable, list: type === "VARCHAR[]", timestamp: type === "TIMESTAMP" };
  }),
  ...kept.map(
    ({ name, dtype, list, hashed }): ParquetColumn => ({
      name,
      dtype: hashed ? "string" : dtype,
      list,
      nullable: true,
    }),
  ),
];

/** The values of one column of a batch. */
export interface ColumnValues {
  readonly values: PageValues;
  /** In how many rows each list of a column of lists is repeated; absent: in one. */
  readonly listCounts?: Int32Array | undefined;
}

/** @param salt the key of hashes; needed if a kept column is hashed */
export const encodeBatch = (model: LoggedModel, batch: Batch, salt: Uint8Array | undefined): readonly Page[] => {
  const columns = columnsOf(model);
  return valuesOf(model, batch, salt).map(({ values, listCounts }, i) =>
    encodePage(columns[i]!, listCounts ? repeatRows(values, listCounts) : values),
  );
};

/** The values of each column of `columnsOf`, with personal ones hashed. */
export function valuesOf(model: LoggedModel, batch: Batch, salt: Uint8Array | undefined): readonly ColumnValues[] {
  const { rows, counts, positions } = batch;
  const all = Int32Array.of(rows);
  const always = (text: string): PageValues => ({ values: oneText(text), counts: all });
  const fixed: Readonly<Record<ExposureColumnName, PageValues>> = {
    request_id: { values: batch.requestIds, counts },
    request_row: { values: batch.requestRows, counts },
    time: { values: BigInt64Array.from(batch.times, BigInt), counts },
    model: always(model.model),
    version: { values: BigInt64Array.of(BigInt(model.version)), counts: all },
    plan: always(model.plan),
    artefacts: { ...always(batch.artefacts), ...(batch.artefacts === "{}" && { present: Uint8Array.of(0) }) },
    arm: { values: batch.arms, present: mapped(batch.arms.lengths, isPositive), counts },
    seed: { values: batch.seeds, counts, ...(!model.draws && { present: new Uint8Array(counts.length) }) },
    item: { values: batch.items },
    position: { values: positions, present: mapped(positions, isPositive) },
    score: floats(batch.scores),
    propensity: floats(batch.propensities),
    list_propensity: { ...floats(batch.listPropensities), counts },
    sources: sourceLists(model.sources, batch.sources, rows),
    log_rate: { values: ratesOf(positions, model.rate) },
  };
  const kept = model.kept.map((column, i): ColumnValues => {
    const values = column.hashed ? hashed(batch.kept[i]!, salt) : batch.kept[i]!;
    if (!column.perList) return { values };
    return column.list ? { values, listCounts: counts } : { values: { ...values, counts } };
  });
  return [...EXPOSURE_COLUMNS.map(({ name }) => ({ values: fixed[name] })), ...kept];
}

type Numbers = Exclude<PageValues["values"], Texts>;

const isPositive = (value: number): boolean => value > 0;
const isNumber = (value: number): boolean => !Number.isNaN(value);

/** One byte per value: whether it fulfills a condition. */
function mapped(values: Int32Array | Float64Array, is: (value: number) => boolean): Uint8Array {
  const flags = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) flags[i] = is(values[i]!) ? 1 : 0;
  return flags;
}

const floats = (values: Float64Array<ArrayBuffer>): PageValues => ({ values, present: mapped(values, isNumber) });

function ratesOf(positions: Int32Array, rate: number): Float64Array<ArrayBuffer> {
  const rates = new Float64Array(positions.length);
  for (let i = 0; i < positions.length; i++) rates[i] = positions[i]! > 0 ? 1 : rate;
  return rates;
}

const oneText = (text: string): Texts => ({
  bytes: Buffer.from(text),
  lengths: Int32Array.of(Buffer.byteLength(text)),
});

/** A kept column of lists, with the list of each response in each of its rows. */
function repeatRows({ values, present, lengths: own }: PageValues, counts: Int32Array): PageValues {
  const lengths = own!;
  let total = 0;
  let rows = 0;
  for (let i = 0; i < counts.length; i++) {
    total += counts[i]! * Math.max(0, lengths[i]!);
    rows += counts[i]!;
  }
  /** The place of each repeated value. */
  const places = new Int32Array(total);
  const repeated = new Int32Array(rows);
  let [start, at, row] = [0, 0, 0];
  for (let i = 0; i < counts.length; i++) {
    repeated.fill(lengths[i]!, row, row + counts[i]!);
    row += counts[i]!;
    for (let n = 0; n < counts[i]!; n++) for (let v = 0; v < lengths[i]!; v++) places[at++] = start + v;
    start += Math.max(0, lengths[i]!);
  }
  return {
    values: "bytes" in values ? pickTexts(values, places) : pickNumbers(values, places),
    ...(present && { present: Uint8Array.from(places, place => present[place]!) }),
    lengths: repeated,
  };
}

function pickNumbers(values: Numbers, places: Int32Array): Numbers {
  const picked = values.slice(0, 0).constructor as new (length: number) => Numbers;
  const to = new picked(places.length);
  for (let i = 0; i < places.length; i++) (to as Float64Array)[i] = (values as Float64Array)[places[i]!]!;
  return to;
}

function pickTexts({ bytes, lengths }: Texts, places: Int32Array): Texts {
  const starts = new Int32Array(lengths.length);
  for (let i = 1; i < lengths.length; i++) starts[i] = starts[i - 1]! + lengths[i - 1]!;
  const total = places.reduce((sum, place) => sum + lengths[place]!, 0);
  const to = { bytes: new Uint8Array(total), lengths: new Int32Array(places.length) };
  let at = 0;
  for (const [i, place] of places.entries()) {
    to.lengths[i] = lengths[place]!;
    to.bytes.set(bytes.subarray(starts[place]!, starts[place]! + lengths[place]!), at);
    at += lengths[place]!;
  }
  return to;
}

/** Sets of sources → lists of their labels. */
function sourceLists(labels: readonly string[], sets: Uint8Array, rows: number): PageValues {
  const width = sourceBytes(labels.length);
  if (width === 0)
    return {
      values: oneText(labels[0] ?? ""),
      counts: Int32Array.of(labels.length * rows),
      lengths: new Int32Array(rows).fill(labels.length),
    };
  const lengths = new Int32Array(rows);
  const found: number[] = [];
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < labels.length; i++)
      if (sets[row * width + (i >> 3)]! & (1 << (i & 7))) {
        found.push(i);
        lengths[row]!++;
      }
  const texts = {
    bytes: Buffer.from(labels.join("")),
    lengths: Int32Array.from(labels, label => Buffer.byteLength(label)),
  };
  return { values: pickTexts(texts, Int32Array.from(found)), lengths };
}

/** Hexadecimal digits of a hash: 128 bits. */
const DIGITS = 32;

/** HMAC-SHA-256 of each value's text, in hexadecimal, of which the first 32 digits are kept. Integers are hashed as decimal text. */
function hashed({ values, present, lengths }: PageValues, salt: Uint8Array | undefined): PageValues {
  if (!salt) throw new Error("the key of hashes is missing");
  const hash = (value: Uint8Array | string): string =>
    createHmac("sha256", salt).update(value).digest("hex").slice(0, DIGITS);
  const count = "bytes" in values ? values.lengths.length : values.length;
  const to = { bytes: Buffer.alloc(DIGITS * count), lengths: new Int32Array(count).fill(DIGITS) };
  let from = 0;
  for (let i = 0; i < count; i++) {
    const value = "bytes" in values ? values.bytes.subarray(from, from + values.lengths[i]!) : String(values[i]);
    if ("bytes" in values) from += values.lengths[i]!;
    if (present?.[i] !== 0) to.bytes.write(hash(value), DIGITS * i, "latin1");
  }
  return { values: to, present, lengths };
}
