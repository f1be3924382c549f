/**
 * The one dtype table: every name a dtype has in the DSL, on the wire, in config.pbtxt, ONNX, DuckDB and Arrow.
 * No other file may switch over dtypes; they look rows up here.
 */

type ArrayConstructor =
  | typeof Uint8Array
  | typeof Uint16Array
  | typeof Uint32Array
  | typeof BigUint64Array
  | typeof Int8Array
  | typeof Int16Array
  | typeof Int32Array
  | typeof BigInt64Array
  | typeof Float32Array
  | typeof Float64Array;

/** The values of a column: a typed array of its dtype, texts for strings. */
export type Values =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[];

/** One row of the table. */
export interface DatatypeRow {
  /** Name in the DSL, in plans and in messages. */
  readonly name: string;
  /** Name on the KServe v2 wire (`INT64`). */
  readonly wire: string;
  /** Enum name in config.pbtxt (`TYPE_INT64`). */
  readonly config: string;
  /** Enum number of `inference.DataType`. */
  readonly number: number;
  /** Bytes of one element; 0 where the size varies. */
  readonly bytes: number;
  /** Typed array that views a buffer of this dtype; strings have none, float16 and bfloat16 are viewed as bits. */
  readonly array: ArrayConstructor | null;
  /** `onnx.TensorProto.DataType`. */
  readonly onnx: number;
  /** DuckDB SQL type; null where DuckDB has none. */
  readonly duckdb: string | null;
  /** Field of `InferTensorContents`; null where the dtype only travels raw. */
  readonly contents: string | null;
  readonly kind: "bool" | "uint" | "int" | "float" | "string";
}

// biome-ignore format: a table, one row per dtype
const ROWS = [
  { name: "bool", wire: "BOOL", config: "TYPE_BOOL", number: 1, bytes: 1, array: Uint8Array, onnx: 9, duckdb: "BOOLEAN", contents: "bool_contents", kind: "bool" },
  { name: "uint8", wire: "UINT8", config: "TYPE_UINT8", number: 2, bytes: 1, array: Uint8Array, onnx: 2, duckdb: "UTINYINT", contents: "uint_contents", kind: "uint" },
  { name: "uint16", wire: "UINT16", config: "TYPE_UINT16", number: 3, bytes: 2, array: Uint16Array, onnx: 4, duckdb: "USMALLINT", contents: "uint_contents", kind: "uint" },
  { name: "uint32", wire: "UINT32", config: "TYPE_UINT32", number: 4, bytes: 4, array: Uint32Array, onnx: 12, duckdb: "UINTEGER", contents: "uint_contents", kind: "uint" },
  { name: "uint64", wire: "UINT64", config: "TYPE_UINT64", number: 5, bytes: 8, array: BigUint64Array, onnx: 13, duckdb: "UBIGINT", contents: "uint64_contents", kind: "uint" },
  { name: "int8", wire: "INT8", config: "TYPE_INT8", number: 6, bytes: 1, array: Int8Array, onnx: 3, duckdb: "TINYINT", contents: "int_contents", kind: "int" },
  { name: "int16", wire: "INT16", config: "TYPE_INT16", number: 7, bytes: 2, array: Int16Array, onnx: 5, duckdb: "SMALLINT", contents: "int_contents", kind: "int" },
  { name: "int32", wire: "INT32", config: "TYPE_INT32", number: 8, bytes: 4, array: Int32Array, onnx: 6, duckdb: "INTEGER", contents: "int_contents", kind: "int" },
  { name: "int64", wire: "INT64", config: "TYPE_INT64", number: 9, bytes: 8, array: BigInt64Array, onnx: 7, duckdb: "BIGINT", contents: "int64_contents", kind: "int" },
  { name: "float16", wire: "FP16", config: "TYPE_FP16", number: 10, bytes: 2, array: Uint16Array, onnx: 10, duckdb: null, contents: null, kind: "float" },
  { name: "float32", wire: "FP32", config: "TYPE_FP32", number: 11, bytes: 4, array: Float32Array, onnx: 1, duckdb: "FLOAT", contents: "fp32_contents", kind: "float" },
  { name: "float64", wire: "FP64", config: "TYPE_FP64", number: 12, bytes: 8, array: Float64Array, onnx: 11, duckdb: "DOUBLE", contents: "fp64_contents", kind: "float" },
  { name: "string", wire: "BYTES", config: "TYPE_STRING", number: 13, bytes: 0, array: null, onnx: 8, duckdb: "VARCHAR", contents: "bytes_contents", kind: "string" },
  { name: "bfloat16", wire: "BF16", config: "TYPE_BF16", number: 14, bytes: 2, array: Uint16Array, onnx: 16, duckdb: null, contents: null, kind: "float" },
] as const satisfies readonly DatatypeRow[];

/** A dtype's name in the DSL: `"int64"`, `"float32"`, `"string"`, … */
export type DType = (typeof ROWS)[number]["name"];
/** A dtype's name on the wire: `"INT64"`, `"FP32"`, `"BYTES"`, … */
export type WireType = (typeof ROWS)[number]["wire"];

/** A dtype's name on the wire, from its name in the DSL. */
export type WireOf<D extends DType> = Extract<(typeof ROWS)[number], { readonly name: D }>["wire"];

/** A dtype's name in config.pbtxt: `"TYPE_INT64"`, … */
export type ConfigType = (typeof ROWS)[number]["config"];

/** Every row, in the order of the enum. */
export const DATATYPES: readonly (DatatypeRow & {
  readonly name: DType;
  readonly wire: WireType;
  readonly config: ConfigType;
})[] = ROWS;

type Row = (typeof DATATYPES)[number];
const index = <K>(key: (row: Row) => K): ReadonlyMap<K, Row> => new Map(DATATYPES.map(row => [key(row), row]));
const byName = index<string>(row => row.name);
const byWire = index<string>(row => row.wire);
const byConfig = index<string>(row => row.config);
const byOnnx = index<number>(row => row.onnx);

/** Integers of 64 bits, not all of which a double holds. */
export const isWide = ({ bytes, kind }: Pick<DatatypeRow, "bytes" | "kind">): boolean =>
  bytes === 8 && kind !== "float";

/** The row of a DSL dtype. */
export const datatype = (name: DType): Row => byName.get(name)!;
export const isDType = (name: string): name is DType => byName.has(name);
/** The row of a wire name, or undefined for a name the protocol does not know. */
export const wireDatatype = (wire: string): Row | undefined => byWire.get(wire);
/** The row of a config.pbtxt enum name, or undefined. */
export const configDatatype = (config: string): Row | undefined => byConfig.get(config);
/** The row of an ONNX element type, or undefined for types Triton has no name for (complex, float8, …). */
export const onnxDatatype = (code: number): Row | undefined => byOnnx.get(code);
