/** The query vector of a search: a column of the left node, and its length. */
import * as messages from "../../../compiler/diagnostics/messages.js";
import type { NameOf } from "../../../compiler/dsl/column.js";
import { type ColumnSchema, column, fixedLength, printType } from "../../../contract/schema.js";
import { DISTANCE } from "../../../contract/similarity.js";
import type { Similarity } from "../../../formats/onnx/onnx.js";
import type { Bound } from "./bound.js";
import { needOne } from "./columns.js";
import type { Call } from "./define-op.js";

export interface QueryVector {
  readonly query: Bound;
  readonly dimension: number;
}

/**
 * The query vector: the only column, or beside a condition the only vector.
 *
 * @param of the operator, and the path that it searches, as its author wrote it
 * @returns undefined after a fault, which is reported: no column is a float32 vector of fixed length
 */
export function queryVector(
  call: Call<{ readonly where?: unknown }>,
  of: { readonly operator: "queryFaiss" | "queryVectors"; readonly path: string },
): QueryVector | undefined {
  const { operator, path } = of;
  const vectors = call.params.where ? call.input.filter(bound => dimensionOf(bound) !== undefined) : [];
  const among = vectors.length === 1 ? vectors : call.input;
  const query = needOne(call, among, `\`${operator}("${path}")\``, `${operator}("${path}")`, "left", {
    fits: ({ column: { list, dtype } }) => list !== undefined && /^float/.test(dtype),
    none: "None of them is a vector of numbers: run the model that makes one before it.",
  });
  if (!query) return undefined;
  const dimension = dimensionOf(query);
  if (dimension !== undefined) return { query, dimension };
  return call.fail(
    messages.schemaDtypeUnsupported({
      operator,
      wanted: "float32 vectors of fixed length",
      column: query.column.name,
      seen: printType(query.column),
      way: "Give it the output of a query tower.",
    }),
    "left",
  );
}

const dimensionOf = ({ column: col }: Bound): number | undefined =>
  col.dtype === "float32" ? fixedLength(col) : undefined;

/** Output columns of a search: ids, and distances if they are included. @param rows made by the step */
export const foundColumns = (
  rows: string,
  ids: "int64" | "string",
  { includeDistances, metric }: { readonly includeDistances: boolean; readonly metric: Similarity },
): ColumnSchema[] => [
  column("candidate_ids", ids, { rows, tags: ["id"] }),
  ...(includeDistances
    ? [column("candidate_distances", "float32", { rows, ...(metric === "l2" && { properties: { [DISTANCE]: true } }) })]
    : []),
];

/** The type of an attribute in a condition. @typeParam C the column, as `string country` */
type AttributeValue<C extends string> = C extends `string ${string}`
  ? string
  : C extends `bool ${string}`
    ? boolean
    : number;

/** An item as a condition sees it. @typeParam C its attributes, as columns */
export type ItemWith<C extends string> = { readonly [K in C as NameOf<K>]: AttributeValue<K> };
