/**
 * The type vocabulary: a node's columns are a union of strings, dtype first (`"float32 price" | "int64 user_id"`). A union is computed at
 * each step and has no history. Long chains therefore stay within the checker's limits, and hovers are readable.
 */

import type { TimeUnit } from "../../contract/time-unit.js";
import type { DType } from "../../triton-protos/datatype.js";

/**
 * Types of a source's column: `"int64"`, `"list<int64>"`, `"float32[64]"`. `"timestamp<ms>"` is an int64 that counts milliseconds (or `d`,
 * `s`, `us`, `ns`) since 1970 in UTC. Dates, timestamps and ISO 8601 text of files are converted; requests send the integer.
 */
export type ColumnType = DType | `list<${DType}>` | `${DType}[${number}]` | `timestamp<${TimeUnit}>`;

/** `"float32 price" | "int64 id"` → `"price" | "id"`. */
export type NameOf<C> = C extends `${string} ${infer N}` ? N : never;

/** The columns named N. */
export type Keep<S extends string, N extends string> = S extends `${string} ${infer M}`
  ? M extends N
    ? S
    : never
  : never;

/** The columns not named N. */
export type Without<S extends string, N extends string> = string extends S
  ? string
  : S extends `${string} ${infer M}`
    ? M extends N
      ? never
      : S
    : never;

/** The same names with another element dtype; lists stay lists. */
export type Recast<S extends string, To extends string> = string extends S
  ? string
  : S extends `list<${string}> ${infer N}`
    ? `list<${To}> ${N}`
    : S extends `${string}[${infer W}] ${infer N}`
      ? `${To}[${W}] ${N}`
      : S extends `${string} ${infer N}`
        ? `${To} ${N}`
        : never;

/** The same columns under another name. */
export type Renamed<S extends string, Prefix extends string, Postfix extends string = ""> = string extends S
  ? string
  : S extends `${infer T} ${infer N}`
    ? `${T} ${Prefix}${N}${Postfix}`
    : never;

/** `{ price: "float32" }` → `"float32 price"`. */
export type ColumnsOf<D extends Readonly<Record<string, ColumnType>>> = {
  [N in keyof D & string]: D[N] extends `timestamp<${string}>` ? `int64 ${N}` : `${D[N]} ${N}`;
}[keyof D & string] extends infer C extends string // so that hovers show the columns, not this type's name
  ? C
  : never;

/** True if an artefact decides the columns, so that the checker has no names for them. */
export type IsUnknown<S extends string> = string extends S ? true : false;

/** The dtypes that arithmetic works on. */
export type Text<S extends string> = Extract<S, `string ${string}` | `list<string> ${string}`>;
