/** The footer of a Parquet file: columns, row groups and metadata → bytes. https://parquet.apache.org/docs/file-format/metadata */
import { CODEC_ZSTD, ENCODING, i32, i64, levelsOf, type ParquetColumn, struct } from "./parquet-page.js";
import { type Field, printStruct, type Struct, TYPE } from "./thrift-compact.js";

/** The pages of one column in one row group. */
export interface ColumnChunk {
  /** Offset of the first page in the file. */
  readonly offset: number;
  readonly compressed: number;
  readonly uncompressed: number;
  /** Number of levels. */
  readonly entries: number;
}

export interface RowGroup {
  readonly rows: number;
  readonly chunks: readonly ColumnChunk[];
}

// Numbers of parquet.thrift.
const FILE = { version: 1, schema: 2, rows: 3, groups: 4, metadata: 5, creator: 6 };
const ELEMENT = { type: 1, repetition: 3, name: 4, children: 5, converted: 6, logical: 10 };
const REPETITION = { required: 0, optional: 1, repeated: 2 };
const LOGICAL = { string: 1, list: 3, timestamp: 8 };
const CONVERTED_LIST = 3;
const CONVERTED: Readonly<Record<string, number>> = {
  string: 0,
  uint8: 11,
  uint16: 12,
  uint32: 13,
  uint64: 14,
  int8: 15,
  int16: 16,
};
const PHYSICAL: Readonly<Record<ParquetColumn["dtype"], number>> = {
  bool: 0,
  int8: 1,
  int16: 1,
  int32: 1,
  uint8: 1,
  uint16: 1,
  uint32: 1,
  int64: 2,
  uint64: 2,
  float16: 4,
  float32: 4,
  float64: 5,
  string: 6,
};

const text = (value: string): Field => ({ type: TYPE.binary, value: Buffer.from(value) });
const list = (type: number, items: readonly Field[]): Field => ({
  type: TYPE.list,
  value: { type, items: items.map(item => item.value) },
});
const EMPTY = struct([]);

/** The footer, its length and the magic: what follows the last row group. */
export function printFooter(
  columns: readonly ParquetColumn[],
  groups: readonly RowGroup[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const footer = printStruct(
    new Map([
      [FILE.version, i32(1)],
      [FILE.schema, list(TYPE.struct, schemaOf(columns))],
      [FILE.rows, i64(groups.reduce((sum, { rows }) => sum + rows, 0))],
      [
        FILE.groups,
        list(
          TYPE.struct,
          groups.map(group => groupOf(columns, group)),
        ),
      ],
      [
        FILE.metadata,
        list(
          TYPE.struct,
          Object.entries(metadata).map(([key, value]) =>
            struct([
              [1, text(key)],
              [2, text(value)],
            ]),
          ),
        ),
      ],
      [FILE.creator, text("merlon")],
    ]) as Struct,
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([footer, length, Buffer.from("PAR1")]);
}

const schemaOf = (columns: readonly ParquetColumn[]): readonly Field[] => [
  struct([
    [ELEMENT.name, text("schema")],
    [ELEMENT.children, i32(columns.length)],
  ]),
  ...columns.flatMap(column => {
    const { name, list, nullable } = column;
    if (!list) return [leaf(column, name, nullable ? REPETITION.optional : REPETITION.required)];
    return [
      struct([
        [ELEMENT.repetition, i32(REPETITION.optional)],
        [ELEMENT.name, text(name)],
        [ELEMENT.children, i32(1)],
        [ELEMENT.converted, i32(CONVERTED_LIST)],
        [ELEMENT.logical, struct([[LOGICAL.list, EMPTY]])],
      ]),
      struct([
        [ELEMENT.repetition, i32(REPETITION.repeated)],
        [ELEMENT.name, text("list")],
        [ELEMENT.children, i32(1)],
      ]),
      leaf(column, "element", REPETITION.optional),
    ];
  }),
];

function leaf({ dtype, timestamp }: ParquetColumn, name: string, repetition: number): Field {
  const converted = CONVERTED[dtype];
  const micros = struct([
    [1, { type: TYPE.false, value: false }],
    [2, struct([[2, EMPTY]])],
  ]);
  return struct([
    [ELEMENT.type, i32(PHYSICAL[dtype])],
    [ELEMENT.repetition, i32(repetition)],
    [ELEMENT.name, text(name)],
    ...(converted === undefined ? [] : [[ELEMENT.converted, i32(converted)] as const]),
    ...(dtype === "string" ? [[ELEMENT.logical, struct([[LOGICAL.string, EMPTY]])] as const] : []),
    ...(timestamp ? [[ELEMENT.logical, struct([[LOGICAL.timestamp, micros]])] as const] : []),
  ]);
}

// Numbers of the structs ColumnChunk, ColumnMetaData and RowGroup.
const CHUNK = { offset: 2, metadata: 3 };
const META = { type: 1, encodings: 2, path: 3, codec: 4, values: 5, uncompressed: 6, compressed: 7, page: 9 };
const GROUP = { columns: 1, bytes: 2, rows: 3 };

function groupOf(columns: readonly ParquetColumn[], { rows, chunks }: RowGroup): Field {
  const made = columns.map((column, i) => {
    const { offset, compressed, uncompressed, entries } = chunks[i]!;
    const path = levelsOf(column).repetition > 0 ? [column.name, "list", "element"] : [column.name];
    return struct([
      [CHUNK.offset, i64(offset)],
      [
        CHUNK.metadata,
        struct([
          [META.type, i32(PHYSICAL[column.dtype])],
          [META.encodings, list(TYPE.i32, [i32(ENCODING.plain), i32(ENCODING.rle)])],
          [META.path, list(TYPE.binary, path.map(text))],
          [META.codec, i32(CODEC_ZSTD)],
          [META.values, i64(entries)],
          [META.uncompressed, i64(uncompressed)],
          [META.compressed, i64(compressed)],
          [META.page, i64(offset)],
        ]),
      ],
    ]);
  });
  return struct([
    [GROUP.columns, list(TYPE.struct, made)],
    [GROUP.bytes, i64(chunks.reduce((sum, { uncompressed }) => sum + uncompressed, 0))],
    [GROUP.rows, i64(rows)],
  ]);
}
