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

/** @param salt the key of hashes; needed if a kept column is hashed */
export function encodeBatch(model: LoggedModel, batch: Batch, salt: Uint8Array | undefined): readonly Page[] {
  const { rows, counts } = batch;
  const fixed: Readonly<Record<ExposureColumnName, PageValues>> = {
    request_id: { values: repeatTexts(batch.requestIds, counts, rows) },
    request_row: { values: repeat(batch.requestRows, counts, new Int32Array(rows)) },
    time: { values: repeat(BigInt64Array.from(batch.times, BigInt), counts, new BigInt64Array(rows)) },
    model: { values: always(model.model, rows) },
    version: { values: new BigInt64Array(rows).fill(BigInt(model.version)) },
    plan: { values: always(model.plan, rows) },
    artefacts: {
      values: always(batch.artefacts, rows),
      ...(batch.artefacts === "{}" && { present: new Uint8Array(rows) }),
    },
    arm: texts(repeatTexts(batch.arms, counts, rows)),
    seed: {
      values: repeat(batch.seeds, counts, new BigInt64Array(rows)),
      ...(!model.draws && { present: new Uint8Array(rows) }),
    },
    item: { values: batch.items },
    position: { values: batch.positions, present: Uint8Array.from(batch.positions, place => (place > 0 ? 1 : 0)) },
    score: floats(batch.scores),
    propensity: floats(batch.propensities),
    list_propensity: floats(repeat(batch.listPropensities, counts, new Float64Array(rows))),
    sources: sourceLists(model.sources, batch.sources, rows),
    log_rate: { values: Float64Array.from(batch.positions, place => (place > 0 ? 1 : model.rate)) },
  };
  const kept = model.kept.map((column, i) => {
    const values = column.hashed ? hashed(batch.kept[i]!, salt) : batch.kept[i]!;
    return column.perList ? repeatRows(values, counts) : values;
  });
  const all = [...EXPOSURE_COLUMNS.map(({ name }) => fixed[name]), ...kept];
  return columnsOf(model).map((column, i) => encodePage(column, all[i]!));
}

type Numbers = Exclude<PageValues["values"], Texts>;

const floats = (values: Float64Array<ArrayBuffer>): PageValues => ({
  values,
  present: Uint8Array.from(values, value => (Number.isNaN(value) ? 0 : 1)),
});

const texts = (values: Texts): PageValues => ({
  values,
  present: Uint8Array.from(values.lengths, length => (length > 0 ? 1 : 0)),
});

/** Each value as many times as its list has rows. */
function repeat<A extends Numbers>(values: A, counts: Int32Array, to: A): A {
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    (to as Float64Array).fill((values as Float64Array)[i]!, at, at + counts[i]!);
    at += counts[i]!;
  }
  return to;
}

function repeatTexts({ bytes, lengths }: Texts, counts: Int32Array, rows: number): Texts {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += lengths[i]! * counts[i]!;
  const to = { bytes: new Uint8Array(total), lengths: new Int32Array(rows) };
  let [from, at, row] = [0, 0, 0];
  for (let i = 0; i < counts.length; i++) {
    const text = bytes.subarray(from, from + lengths[i]!);
    for (let n = 0; n < counts[i]!; n++, row++, at += text.length) {
      to.bytes.set(text, at);
      to.lengths[row] = text.length;
    }
    from += text.length;
  }
  return to;
}

const always = (text: string, rows: number): Texts =>
  repeatTexts({ bytes: Buffer.from(text), lengths: Int32Array.of(Buffer.byteLength(text)) }, Int32Array.of(rows), rows);

/** A kept column of lists, with the value of each list in each of its rows. */
function repeatRows({ values, present, lengths }: PageValues, counts: Int32Array): PageValues {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const starts = new Int32Array(counts.length);
  let start = 0;
  for (let i = 0; i < counts.length; i++) {
    starts[i] = start;
    start += lengths ? Math.max(0, lengths[i]!) : 1;
  }
  /** The place of each repeated value. */
  const places: number[] = [];
  for (let i = 0; i < counts.length; i++)
    for (let n = 0; n < counts[i]!; n++)
      for (let v = 0; v < (lengths ? lengths[i]! : 1); v++) places.push(starts[i]! + v);
  return {
    values: "bytes" in values ? pickTexts(values, places) : pickNumbers(values, places),
    ...(present && { present: Uint8Array.from(places, place => present[place]!) }),
    ...(lengths && { lengths: repeat(lengths, counts, new Int32Array(rows)) }),
  };
}

function pickNumbers(values: Numbers, places: readonly number[]): Numbers {
  const picked = values.slice(0, 0).constructor as new (length: number) => Numbers;
  const to = new picked(places.length);
  for (let i = 0; i < places.length; i++) (to as Float64Array)[i] = (values as Float64Array)[places[i]!]!;
  return to;
}

function pickTexts({ bytes, lengths }: Texts, places: readonly number[]): Texts {
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
    return { values: always(labels[0] ?? "", labels.length * rows), lengths: new Int32Array(rows).fill(labels.length) };
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
  return { values: pickTexts(texts, found), lengths };
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
