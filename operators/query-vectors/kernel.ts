/**
 * One query vector per row → the `topk` nearest items of each row in a vector database, best first, as child rows. A row gets fewer when
 * fewer are found. Ids that `exclude` lists for the row are left out.
 */
import { basename } from "node:path";
import type { Value } from "../../contract/expression-functions.js";
import type { Step } from "../../contract/plan.js";
import { bindFilter } from "../../contract/vector-filter/bind-filter.js";
import { ALWAYS, type Filter, NEVER } from "../../contract/vector-filter/filter.js";
import { FilterFault, templateOf } from "../../contract/vector-filter/template.js";
import { whereColumn } from "../../contract/where.js";
import { refuseFilter } from "../../formats/vectors/store-abilities.js";
import type { VectorStore } from "../../formats/vectors/vector-store.js";
import { castValues } from "../../runtime/base/columns/cast.js";
import { type Column, childRows } from "../../runtime/base/columns/table.js";
import { invalid, type RuntimeFault, unsupported } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { openVectorDatabase, readStore } from "../../runtime/stores/databases/open-database.js";
import { type ExcludingQuery, searchVectors } from "../../runtime/stores/databases/search-vectors.js";
import type { Found } from "../../runtime/stores/databases/vector-database.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { checkFinite } from "../shared/kernel/check-finite.js";

export const queryVectors: Kernel<"queryVectors"> = {
  prepare: async (step, context) => {
    const file = artefactFile(context.folder, step.artefacts.store);
    const store = readStore(file);
    checkStore(step, store, file);
    const filters = prepareFilter(step, store);
    const database = await openVectorDatabase(store, basename(file));
    return {
      run: (inputs, { signal }) => {
        const query = inputs.input[0];
        checkQueries(query, step);
        const { rows } = query;
        if (rows.count === 0) return columnsOf(step, query, []);
        const queries = queriesOf(step, query, inputs.exclude?.[0], filters(inputs.user ?? [])).map(one =>
          // A vector of length 0 has no cosine, so that no item is near it.
          store.metric === "cosine" && one.vector.every(x => x === 0) ? { ...one, filter: NEVER } : one,
        );
        return searchVectors(database, queries, signal).then(found => columnsOf(step, query, found));
      },
      close: () => database.close(),
    };
  },
};

/** The file may have been edited after the build. @throws RuntimeFault */
function checkStore({ params, outputs }: Step<"queryVectors">, store: VectorStore, file: string): void {
  const differs = (field: string, has: unknown, wanted: unknown): RuntimeFault =>
    invalid(`${file}: \`${field}\` is ${String(has)}, and the plan says ${String(wanted)}. Build the ensemble again.`);
  if (store.type !== params.type) throw differs("type", store.type, params.type);
  if (store.dimension !== params.dimension) throw differs("dimension", store.dimension, params.dimension);
  const ids = outputs[0]?.dtype;
  if (ids !== undefined && ids !== store.ids) throw differs("ids", store.ids, ids);
  for (const [name, dtype] of Object.entries(params.where?.attributes ?? {})) {
    const found = Object.hasOwn(store.attributes, name) ? store.attributes[name] : undefined;
    if (found !== dtype) throw differs(`attributes.${name}`, found ?? "missing", dtype);
  }
}

function queriesOf(
  { params }: Step<"queryVectors">,
  { values, rows }: Column,
  exclude: Column | undefined,
  filterOf: FilterOfRow,
): ExcludingQuery[] {
  const { dimension, topk } = params;
  const excluded = exclude && excludedOf(exclude);
  return Array.from({ length: rows.count }, (_, row) => ({
    vector: (values as Float32Array).subarray(row * dimension, (row + 1) * dimension),
    k: topk,
    filter: filterOf(row),
    excluded: excluded?.(row) ?? NONE,
  }));
}

const NONE: ReadonlySet<bigint | string> = new Set();

/** One id or one list of ids per row; nulls exclude nothing. */
function excludedOf({ dtype, values, offsets, width = 1, validity }: Column) {
  const ids = dtype === "string" ? values : castValues(values, dtype, "int64", "`exclude`");
  return (row: number): ReadonlySet<bigint | string> => {
    const [from, to] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width, (row + 1) * width];
    const found = new Set<bigint | string>();
    for (let i = from; i < to; i++) if (validity?.[i] !== 0) found.add(ids[i] as bigint | string);
    return found;
  };
}

function columnsOf(step: Step<"queryVectors">, { rows }: Column, found: readonly Found[]): Column[] {
  const offsets = new Int32Array(rows.count + 1);
  found.forEach(({ ids }, row) => {
    offsets[row + 1] = offsets[row]! + ids.length;
  });
  const made = childRows(rows, offsets);
  const isText = step.outputs[0]?.dtype === "string";
  const ids: Column = isText
    ? { dtype: "string", rows: made, values: found.flatMap(hits => hits.ids as readonly string[]) }
    : {
        dtype: "int64",
        rows: made,
        values: BigInt64Array.from(found.flatMap(hits => [...(hits.ids as BigInt64Array)])),
      };
  if (!step.params.includeDistances) return [ids];
  const distances = Float32Array.from(found.flatMap(hits => [...hits.distances]));
  return [ids, { dtype: "float32", rows: made, values: distances }];
}

/** @throws RuntimeFault for a vector that no query can be made of */
function checkQueries({ dtype, values, rows, width, offsets }: Column, { params, inputs }: Step<"queryVectors">): void {
  const { name } = inputs.input[0];
  const { dimension } = params;
  if (dtype !== "float32" || offsets || (width ?? 1) !== dimension || values.length !== rows.count * dimension)
    throw invalid(
      `column \`${name}\` holds ${offsets ? `lists of ${dtype}` : `${dtype}[${width ?? 1}]`} and the store float32[${dimension}]. Load the embeddings of the same model.`,
    );
  checkFinite(name, values as Float32Array, dimension);
}

/** The condition of a step, with the values of each row's user put in. */
type FilterOfRow = (row: number) => Filter;

/** @throws RuntimeFault for a condition that the store cannot say */
function prepareFilter(step: Step<"queryVectors">, store: VectorStore): (user: readonly Column[]) => FilterOfRow {
  const { where } = step.params;
  if (!where) return () => () => ALWAYS;
  try {
    const template = templateOf(where.conditions);
    refuseFilter(store.type, template);
    return user => {
      const columns = (step.inputs.user ?? []).map((ref, i) => [whereColumn("user", ref.name), user[i]!] as const);
      return row =>
        bindFilter(template, new Map(columns.map(([name, col]) => [name, cellOf(col, row)])), store.attributes);
    };
  } catch (error) {
    if (!(error instanceof FilterFault)) throw error;
    throw unsupported(`step \`${step.label}\` (queryVectors): ${error.message}`, { cause: error });
  }
}

/** A value of a row as expressions take it. */
function cellOf({ dtype, values, validity, offsets, width }: Column, row: number): Value {
  const item = (i: number): number | bigint | string | boolean | undefined => {
    if (validity?.[i] === 0) return undefined;
    const value = values[i]!;
    if (typeof value === "number" && Number.isNaN(value)) return undefined;
    if (dtype === "bool") return value === 1;
    // Integers are exact, whatever array holds them.
    return typeof value === "number" && /int/.test(dtype) ? BigInt(value) : value;
  };
  if (!offsets && width === undefined) return item(row);
  const [from, to] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width!, (row + 1) * width!];
  return Array.from({ length: to - from }, (_, i) => item(from + i) as number | bigint | string | undefined);
}
