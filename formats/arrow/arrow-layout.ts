/** The schema of an Arrow file → which buffers each column has in a batch, and what is inside it. */
import { ArrowFileError, arrowDamage } from "./arrow-file.js";
import type { FlatTable } from "./flatbuffer.js";

export interface ColumnLayout {
  readonly validity: boolean;
  /** Buffers of values: bits of each. */
  readonly fixed: readonly number[];
  /** Bytes of an offset; 0: there are none. */
  readonly offsets: 0 | 4 | 8;
  /** Whether offsets are places in a buffer of bytes. */
  readonly bytes: boolean;
  /** Whether values refer to any number of buffers, which the batch counts. */
  readonly views?: true;
  /** Items of a child for each row, without offsets. */
  readonly perRow: number;
  readonly children: readonly ColumnLayout[];
}
export interface ArrowLayout {
  readonly columns: readonly ColumnLayout[];
  /** By their number. */
  readonly dictionaries: ReadonlyMap<number, ColumnLayout>;
}

/** Parts of a schema may be shared, so that a small one describes any number of columns. */
const MOST_FIELDS = 100_000;
const DEEPEST = 64;
/** Bytes of names and metadata together. */
export const MOST_TEXT = 16 * 2 ** 20;

const NONE: ColumnLayout = { validity: true, fixed: [], offsets: 0, bytes: false, perRow: 0, children: [] };
const fixed = (...bits: number[]): ColumnLayout => ({ ...NONE, fixed: bits });

/** @throws ArrowFileError */
export function layoutsOf(schema: FlatTable): ArrowLayout {
  if (schema.int16(0) !== 0) throw new ArrowFileError("its numbers are big-endian; little-endian ones are read");
  const dictionaries = new Map<number, ColumnLayout>();
  let left = MOST_FIELDS;
  let texts = 0;
  /** Columns may share names and metadata, so that texts of a small schema are of any length together. */
  const count = (table: FlatTable, ...fields: number[]): void => {
    for (const field of fields) texts += table.structs(field, 1).count;
    if (texts > MOST_TEXT)
      throw new ArrowFileError(`its schema has more than ${MOST_TEXT} bytes of names and metadata`);
  };
  const countMetadata = (pairs: readonly FlatTable[]): void => {
    left -= pairs.length;
    for (const pair of pairs) count(pair, 0, 1);
  };
  countMetadata(schema.tables(2));
  const layout = (field: FlatTable, depth: number): ColumnLayout => {
    count(field, 0);
    countMetadata(field.tables(6));
    if (left-- <= 0 || depth > DEEPEST)
      throw new ArrowFileError(`it has more than ${MOST_FIELDS} columns, or columns nested more than ${DEEPEST} deep`);
    const type = field.table(3);
    if (!type) throw arrowDamage("a column has no type");
    const children = field.tables(5).map(child => layout(child, depth + 1));
    const values = typeLayout(field.uint8(2), type, children, count);
    const encoding = field.table(4);
    if (!encoding) return values;
    dictionaries.set(encoding.int64(0), values);
    const index = encoding.table(1);
    return fixed(index ? bitsOf(index) : 32);
  };
  return { columns: schema.tables(1).map(field => layout(field, 0)), dictionaries };
}

function bitsOf(int: FlatTable): number {
  const bits = int.int32(0);
  if (![8, 16, 32, 64].includes(bits)) throw arrowDamage(`a column has integers of ${bits} bits`);
  return bits;
}

/** Numbers are those of `Type` in Arrow's Schema.fbs. */
function typeLayout(
  number: number,
  type: FlatTable,
  children: readonly ColumnLayout[],
  count: (table: FlatTable, field: number) => void,
): ColumnLayout {
  const only = (): readonly ColumnLayout[] => {
    if (children.length !== 1) throw arrowDamage(`a list has ${children.length} columns of items`);
    return children;
  };
  switch (number) {
    case 1:
      return { ...NONE, validity: false };
    case 2:
      return fixed(bitsOf(type));
    case 3:
      return fixed(16 << upTo(2, type.int16(0)));
    case 4:
    case 5:
      return { ...NONE, offsets: 4, bytes: true };
    case 6:
      return fixed(1);
    case 7:
      // Decimal: 128 bits unless it says so.
      return fixed(type.int32(2) || 128);
    case 8:
      // Date: days in 32 bits, or milliseconds, which are the default.
      return fixed(type.has(0) && upTo(1, type.int16(0)) === 0 ? 32 : 64);
    case 9:
      upTo(3, type.int16(0));
      return fixed(type.int32(1) === 64 ? 64 : 32);
    case 10:
      // Its time zone.
      count(type, 1);
      upTo(3, type.int16(0));
      return fixed(64);
    case 18:
      upTo(3, type.int16(0));
      return fixed(64);
    case 11:
      return fixed(32 << upTo(2, type.int16(0)));
    case 12:
    case 17:
      return { ...NONE, offsets: 4, children: only() };
    case 13:
      return { ...NONE, perRow: 1, children };
    case 14: {
      // Union: types, and where it is dense offsets.
      const dense = upTo(1, type.int16(0)) === 1;
      type.structs(1, 4);
      return { ...NONE, validity: false, fixed: dense ? [8, 32] : [8], children };
    }
    case 15:
      return fixed(8 * positive(type.int32(0)));
    case 16:
      return { ...NONE, perRow: positive(type.int32(0)), children: only() };
    case 19:
    case 20:
      return { ...NONE, offsets: 8, bytes: true };
    case 21:
      return { ...NONE, offsets: 8, children: only() };
    case 23:
    case 24:
      return { ...fixed(128), views: true };
    default:
      throw new ArrowFileError(`a column is of Arrow's type ${number}, which is not read`);
  }
}

/** A unit, a precision or a mode. */
function upTo(most: number, value: number): number {
  if (value < 0 || value > most) throw arrowDamage(`a column's type has the unit or precision ${value}`);
  return value;
}

function positive(size: number): number {
  if (size < 0) throw arrowDamage(`a column has values of ${size} bytes or items`);
  return size;
}
