/** The condition of a filtered search: the author's function of an item and a user, compiled. */
import { join } from "node:path";
import * as ts from "../../compiler/checker/syntax.js";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { LambdaReference } from "../../compiler/dsl/lambda.js";
import { userFunction } from "../../compiler/lambda/compile-lambda.js";
import type { Expression } from "../../contract/expression.js";
import { LIVE_FOLDER } from "../../contract/files/live-folder.js";
import type { OpParams } from "../../contract/op-params.js";
import { column } from "../../contract/schema.js";
import { conjuncts } from "../../contract/where.js";
import { type FaissHeader, searchedBy, withinIds } from "../../formats/faiss/faiss.js";
import { KEY_COLUMN, type TableColumn } from "../../formats/tables/attribute-table.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import type { ArtefactFile, Call, Fail } from "../shared/author/define-op.js";
import { conditionOf, itemCondition } from "../shared/author/item-condition.js";

export interface WhereParams {
  readonly path: string;
  readonly where?: LambdaReference | undefined;
  readonly attributes?: string | undefined;
  readonly key?: string | undefined;
}

export interface CompiledWhere {
  readonly where: NonNullable<OpParams["queryFaiss"]["where"]>;
  /** Columns of the left node that it reads. */
  readonly user: readonly Bound[];
  /** Path of the table, relative to the plan. */
  readonly to: string;
  readonly file: ArtefactFile;
}

/** The kinds of index that are searched with a condition: no refinement is among what is around one. */
export const takesWhere = (header: FaissHeader): boolean => {
  const inner = withinIds(header);
  const searched = inner.kind === "pre-transform" ? inner.inner! : inner;
  return searched === searchedBy(header);
};

/** @returns undefined after a fault, which is reported; null where no condition is given */
export function compileWhere(
  call: Call<WhereParams>,
  query: Bound,
  header: FaissHeader,
  ids: "int64" | "string",
): CompiledWhere | null | undefined {
  const { path, where, attributes, key: named } = call.params;
  const fail = (fault: string, way: string): undefined => call.fail(messages.faissWhere({ path, fault, way }), "right");
  if (!where) {
    if (attributes === undefined && named === undefined) return null;
    return fail("is missing, and `attributes` is given", "Add `where: (item, user) => …`, or leave `attributes` out.");
  }
  if (attributes === undefined)
    return fail("reads the attributes of items, and no table is given", 'Add `attributes: "items.parquet"`.');
  if (!takesWhere(header))
    return fail(
      `searches Flat, IVF and HNSW indexes, and this one has ${searchedBy(header) === header ? header.kind : "a refinement around it"}`,
      "Build the index without the refinement.",
    );
  const lambda = call.readFunction(where, "queryFaiss");
  const read = call.artefacts.attributes(attributes);
  if (!read.ok) return call.fail(read.message, { literal: attributes });
  if (!lambda) return undefined;
  const { columns } = read.value;
  const key = keyOf(call, attributes, columns, named ?? KEY_COLUMN, ids);
  const condition = key && itemCondition(call, query, lambda, columns, "queryFaiss");
  if (!condition) return undefined;
  const { text, conditions, user, item } = condition;
  const to = join(LIVE_FOLDER, call.artefactName(attributes, read.path));
  const dtypes = new Map(columns.map(({ name, dtype }) => [name, dtype!]));
  return {
    where: {
      text,
      conditions,
      table: attributes,
      key: { name: named ?? KEY_COLUMN, dtype: key },
      columns: Object.fromEntries(item.map(name => [name, dtypes.get(name)!])),
    },
    user,
    to,
    file: { from: read.path, to },
  };
}

/** The dtype of the column of ids; reports one that is missing, or cannot hold the index's. */
function keyOf(
  call: Call<WhereParams>,
  table: string,
  columns: readonly TableColumn[],
  name: string,
  ids: "int64" | "string",
): DType | undefined {
  const found = columns.find(col => col.name === name);
  const known = columns.map(col => col.name);
  if (!found)
    return call.fail(
      messages.schemaColumnMissing({
        reader: `\`attributes\` of \`queryFaiss\``,
        column: name,
        columns: listNames(known),
        suggestion: suggest(name, known),
        way: `Each row of \`${table}\` needs the id that the index has for the item: name its column, \`key: "…"\`.`,
      }),
      call.params.key === undefined ? { literal: table } : { literal: name },
    );
  const kind = found.dtype && datatype(found.dtype).kind;
  const fits = ids === "string" ? kind === "string" : kind === "int" || (kind === "uint" && found.dtype !== "uint64");
  if (fits) return found.dtype;
  return call.fail(
    messages.schemaDtypeMismatch({
      reader: `\`attributes\` of \`queryFaiss\``,
      column: name,
      wanted: ids === "string" ? "texts" : "int64 or narrower integers",
      seen: found.type,
      way: ids === "string" ? "Ids of this index are texts." : "Ids of an index are int64.",
    }),
    { literal: table },
  );
}

/**
 * The condition of a filtered search, from its text alone.
 * @param text an expression of `item` and `user`, or a function of both
 * @param user the user's columns; those of lists have offsets
 * @throws Error with the message and the way out
 */
export function compileCondition(
  text: string,
  columns: readonly TableColumn[],
  user: ReadonlyMap<string, { readonly dtype: DType; readonly offsets?: Int32Array }>,
): readonly Expression[] {
  const source = isFunction(text) ? text.trim() : `(item, user) => ${text.trim()}`;
  const faults: string[] = [];
  const fail: Fail = ({ message, help }) => {
    faults.push(`${message} ${help}`);
    return undefined;
  };
  const input = [...user].map(([name, { dtype, offsets }]) => ({
    column: column(name, dtype, offsets && { list: { min: 0, max: null } }),
    ref: { step: "", column: name },
  }));
  const place = { file: "condition.ts", text: source, range: { start: 0, end: source.length } };
  const lambda = isWhole(source) ? userFunction(place, {}, "queryFaiss", fail) : undefined;
  const condition = lambda && conditionOf({ input, fail }, lambda, columns);
  if (!condition)
    throw new Error(`--where \`${text}\`: ${faults[0] ?? "it is not one expression, such as `item.stock > 0`."}`);
  return conjuncts(condition);
}

/** Whether a text is one function, and nothing beside it. */
function isWhole(source: string): boolean {
  const [statement, ...others] = ts.parse("condition.ts", source).statements;
  if (!statement || others.length > 0 || !ts.isExpressionStatement(statement)) return false;
  return ts.isArrowFunction(statement.expression) && statement.expression.end === source.length;
}

/** Whether only parameters precede the first arrow. */
function isFunction(text: string): boolean {
  const arrow = text.indexOf("=>");
  return arrow >= 0 && /^[\s\w$,:(){}]*$/.test(text.slice(0, arrow));
}
