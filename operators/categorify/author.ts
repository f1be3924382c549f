/** Values → ids: 0 padding, 1 null, then out-of-vocabulary, then the vocabulary by frequency. */

import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { Recast } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import { type Encoding, encodings, optionOf } from "../../contract/categorify-columns.js";
import { OP_PARAMS, type OpParams, type OpParamsInput } from "../../contract/op-params.js";
import { OP_STATE, type OpState } from "../../contract/op-state.js";
import { type ColumnSchema, column, printType } from "../../contract/schema.js";
import { groupNames, joinedName } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";
import { embeddingDimension, numbersOf, withProperties, withTags } from "../shared/author/elementwise.js";
import { scalars } from "../target-encoding/author.js";

interface CategorifyRule<To extends string> extends Rule {
  readonly fault: never;
  readonly out: Recast<this["S"], To>;
}

type Options = Omit<OpParamsInput["categorify"], "groups">;

/**
 * Encodes values as ids: 0 is padding, 1 null, 2 … 1 + numBuckets out of vocabulary. The fitted vocabulary follows, most frequent first
 * (ties: smaller value first). NVTabular's Categorify. The schema then has the domain, and `embedding_sizes`: cardinality and min(512,
 * max(16, round(1.6 · cardinality^0.56))).
 *
 * A group, a list in the list on the left, has one vocabulary. `freqThreshold`, `maxSize`, `numBuckets` and `vocabs` go by its name: the
 * column's, or the group's columns joined, `a_b`.
 * @param options.freqThreshold values seen fewer times are out of vocabulary; a number, or numbers by name
 * @param options.maxSize upper bound of the number of ids, reserved ones included; a number, or numbers by name
 * @param options.numBuckets how many ids out-of-vocabulary values are hashed to; a number, or numbers by name
 * @param options.encodeType `"joint"`: each column of a group is encoded with the vocabulary of all their values. `"combo"`: a group makes
 * one column `a_b` with a vocabulary of tuples. A tuple is null if all of its values are
 * @param options.vocabs given vocabularies by name: values in the order of their ids, or a Parquet file beside this one with that column
 * (Merlin's `categories/unique.*.parquet`)
 * @param options.singleTable ids of one vocabulary begin where those of the last end, so that one embedding table holds all; 0 stays padding
 * @param options.outDtype `"int64"` (default, as NVTabular) or `"int32"`
 * @param options.nvtabularHash mixes the row number into the hash of `numBuckets`, offline and online, to compare with NVTabular
 * @example ["item_id", "brand"] >> categorify({ freqThreshold: { item_id: 2 } })
 * @example [["brand", "city"]] >> categorify({ encodeType: "combo" })
 */
export function categorify(options: Options & { readonly encodeType: "combo" }): Op<OpenRule>;
export function categorify(options: Options & { readonly outDtype: "int32" }): Op<CategorifyRule<"int32">>;
export function categorify(options?: Options & { readonly outDtype?: "int64" }): Op<CategorifyRule<"int64">>;
export function categorify(options: Options = {}): Op<Rule> {
  return new Op("categorify", options);
}

const largest = (option: number | Readonly<Record<string, number>>): number =>
  typeof option === "number" ? option : Math.max(0, ...Object.values(option));

export const categorifyOp = defineOp({
  kind: "categorify",
  params: OP_PARAMS.categorify
    .refine(p => !(largest(p.maxSize) && largest(p.freqThreshold)), "takes `freqThreshold` or `maxSize`, not both")
    .refine(
      p =>
        [...new Set([p.maxSize, p.numBuckets].flatMap(o => (typeof o === "number" ? [""] : Object.keys(o))))].every(
          name => {
            const size = optionOf(p.maxSize, name, 0);
            return !size || size >= Math.max(optionOf(p.numBuckets, name, 1) + 2, 3);
          },
        ),
      "`maxSize` must leave room for the reserved ids: at least `numBuckets` + 2, and at least 3",
    )
    .refine(
      p => p.encodeType === "joint" || Object.keys(p.vocabs).length === 0,
      "takes `vocabs` of values, not of the tuples of `combo`",
    ),
  infer: call => {
    const state = OP_STATE.categorify.safeParse(call.state).data;
    // Once fitted, a step may be restricted to some of its columns: the vocabulary keeps the name of the whole group.
    const params = { ...call.params, groups: groupNames(call) };
    const encoded = encodings(
      params,
      call.input.map(b => b.column.name),
    );
    if (params.nvtabularHash && !scalars(call, "categorify with nvtabularHash", call.input, "left", () => true))
      return undefined;
    if (!groupsFit(call, encoded) || !optionsFit(call, encoded)) return undefined;
    return {
      params,
      inputs: { input: call.input },
      outputs: encoded.map(one => described(outputOf(call, one), one, params, state)),
    };
  },
});

function outputOf(call: Call<OpParams["categorify"]>, { output, columns }: Encoding): ColumnSchema {
  const first = call.input.find(b => b.column.name === columns[0])!.column;
  const { outDtype } = call.params;
  if (columns.length === 1) return withTags({ ...numbersOf(first, outDtype), name: output }, ["categorical"]);
  return withTags(column(output, outDtype, { rows: first.rows }), ["categorical"]);
}

/** The fitted state, as NVTabular writes it. */
function described(
  column: ColumnSchema,
  { output, vocabulary: name, numBuckets }: Encoding,
  { freqThreshold, maxSize, singleTable }: OpParams["categorify"],
  state: OpState["categorify"] | undefined,
): ColumnSchema {
  const fitted = state?.columns[output];
  if (!fitted) return column;
  const { vocabulary, table, sum } = fitted;
  const cardinality = table ?? fitted.cardinality;
  return withProperties(column, {
    // NVTabular writes null if no buckets are configured.
    num_buckets: numBuckets > 1 ? numBuckets : null,
    freq_threshold: optionOf(freqThreshold, name, 0),
    max_size: optionOf(maxSize, name, 0),
    cat_path: vocabulary,
    // If two fits have equally many ids, it shows whether they are the same values.
    ...(sum !== undefined && { vocabulary_sum: sum }),
    // Columns of one domain share an embedding table.
    domain: { min: 0, max: cardinality - 1, name: singleTable ? "single_table" : name },
    embedding_sizes: { cardinality, dimension: embeddingDimension(cardinality) },
  });
}

/** A joint vocabulary has one dtype and a column has one. Tuples consist of single values, and each name has one vocabulary. */
function groupsFit(call: Call<OpParams["categorify"]>, encoded: readonly Encoding[]): boolean {
  const combo = call.params.encodeType === "combo";
  const refuse = (wanted: string, column: ColumnSchema, seen: string, way: string): false => {
    call.fail(
      messages.schemaDtypeUnsupported({ operator: "categorify", wanted, column: column.name, seen, way }),
      "left",
    );
    return false;
  };
  const elsewhere = "Encode it in a `categorify` of its own, and `rename` it.";
  const groups = groupNames(call).map(names =>
    names.length > 1 ? [joinedName(names), ...(combo ? [] : names)] : names,
  );
  const names = groups.flat();
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    const { column } = call.input.find(b => b.column.name === twice) ?? call.input[0]!;
    return refuse(`one vocabulary called \`${twice}\``, column, "in several", elsewhere);
  }
  for (const [first, ...others] of call.groups) {
    const list = [first!, ...others].find(b => b.column.list);
    if (combo && list)
      return refuse(
        "one value a row in tuples",
        list.column,
        printType(list.column),
        "Encode lists in a `categorify` of their own.",
      );
    const odd = others.find(b => b.column.dtype !== first!.column.dtype);
    if (!combo && odd)
      return refuse(`one dtype in a group (${first!.column.dtype})`, odd.column, printType(odd.column), elsewhere);
  }
  return encoded.length > 0;
}

/** Names of vocabularies that the options speak of. */
function optionsFit(call: Call<OpParams["categorify"]>, encoded: readonly Encoding[]): boolean {
  const known = [...new Set(encoded.map(one => one.vocabulary))];
  for (const option of ["freqThreshold", "maxSize", "numBuckets", "vocabs"] as const) {
    const value = call.params[option];
    const unknown = typeof value === "number" ? undefined : Object.keys(value).find(name => !known.includes(name));
    if (unknown === undefined) continue;
    call.fail(
      messages.schemaColumnMissing({
        reader: `\`categorify\`'s \`${option}\``,
        column: unknown,
        columns: listNames(known),
        suggestion: suggest(unknown, known),
        way: "Name a column that it encodes, or a group: the columns joined by `_`.",
      }),
      { literal: unknown },
    );
    return false;
  }
  return true;
}
